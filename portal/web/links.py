"""Which addresses from Ona's data may become links."""

from __future__ import annotations

from urllib.parse import urlsplit


def https_url(text: str | None) -> str | None:
    """`text` where it is a plain https address that a person can be sent to, else None.

    Refused: other schemes, user names in the address, backslashes, blanks and control characters (browsers drop or
    rewrite some of these, so that the address seen is not the address visited), and hosts or ports that do not parse.
    """
    if not text or not text.isprintable() or any(c.isspace() or c in "\\<>\"'`" for c in text):
        return None
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or "%" in parts.netloc:
        return None
    return text if port_is_valid else None
