"""Clean a log for browsers: text, tabs, line ends and, for the viewer, colours and backspaces."""

from __future__ import annotations

import codecs
import re

LONGEST_SEQUENCE = 4096
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_STRING = rf"[\]PX^_][^\x07\x1b\n]{{0,{LONGEST_SEQUENCE}}}"
_UNWANTED = re.compile(
    r"(?P<sequence>\x1b(?:"
    r"\[[0-?]{0,99}[ -/]{0,9}[@-~]"  # CSI: colours, cursor, erasing
    rf"|{_STRING}(?:\x07|\x1b\\)"  # OSC and its kin: titles, links, images
    r"|[ -/]{1,9}[0-~]|[0-OQ-WYZ\\`-~]))"  # character sets, and sequences of two characters
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
# The start of an incomplete sequence.
_BEGUN = re.compile(rf"\x1b(?:\[[0-?]{{0,99}}[ -/]{{0,9}}|{_STRING}\x1b?|[ -/]{{0,9}})?\Z")
_HARMLESS = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F)])
BACKSPACE = "\b"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Cleaner:
    """Decodes a log in chunks and removes control characters and sequences other than colours and backspaces.

    The result does not depend on the chunking, so that a reader can resume.
    """

    def __init__(self, *, colours: bool) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._colours = colours
        self._held = ""
        self._in_character = False

    def clean(self, chunk: bytes) -> bytes:
        """Clean a chunk; an incomplete end is held back."""
        if not self._held and not self._in_character and not chunk.translate(None, _HARMLESS):
            return chunk
        text = self._held + self._decoder.decode(chunk)
        self._in_character = bool(self._decoder.getstate()[0])
        begun = _BEGUN.search(text, max(len(text) - LONGEST_SEQUENCE - 4, 0))
        cut = begun.start() if begun else len(text)
        self._held = text[cut:]
        return self._plain(text[:cut])

    def end(self) -> bytes:
        """The rest that was held back."""
        text = self._held + self._decoder.decode(b"", final=True)
        self._held, self._in_character = "", False
        return self._plain(text)

    def _plain(self, text: str) -> bytes:
        return _UNWANTED.sub(self._in_place_of, text).encode()

    def _in_place_of(self, found: re.Match[str]) -> str:
        if found["sequence"] is None:
            return found[0] if self._colours and found[0] == BACKSPACE else REPLACEMENT
        return found[0] if self._colours and _COLOUR.fullmatch(found[0]) else ""
