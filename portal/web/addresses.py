"""Any text as a part of a path, whatever it contains: slashes, dots, blanks, line ends, or nothing at all.

Letters, digits, "-" and "_" stand for themselves, so that most addresses can be read. Everything else is "~" with the
two hexadecimal digits of a byte of UTF-8; the empty text is "~". Percent escapes would not do: servers and browsers
undo them before a path is taken apart, and take "." and ".." out of it.
"""

from __future__ import annotations

import re

from django.urls import register_converter

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_BYTE = re.compile(r"~([0-9A-F]{2})")
EMPTY = "~"


class AnyText:
    """The path converter `<any:name>`."""

    regex = r"(?:[-A-Za-z0-9_]|~[0-9A-F]{2})+|~"

    def to_python(self, value: str) -> str:
        """The text of a part of a path; ValueError if its bytes are no text, or one that cannot be stored."""
        if value == EMPTY:
            return ""
        text = _BYTE.sub(lambda found: chr(int(found[1], 16)), value).encode("latin-1").decode()
        if "\0" in text:
            raise ValueError("no text of ours")
        return text

    def to_url(self, value: str) -> str:
        """The part of a path for a text."""
        return "".join(chr(byte) if byte in _PLAIN else f"~{byte:02X}" for byte in value.encode()) or EMPTY


register_converter(AnyText, "any")
