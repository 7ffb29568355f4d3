"""Which URLs in Ona's data may become links."""

from __future__ import annotations

from urllib.parse import urlsplit


def https_url(text: str | None) -> str | None:
    """`text` if it is a plain https URL that is safe to follow, else None.

    Rejected: other schemes, user names, backslashes, blanks and control characters (browsers drop or rewrite some of
    them, so that the visible URL is not the visited one), and invalid hosts or ports.
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
