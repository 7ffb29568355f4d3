"""Failure messages told apart by what went wrong, not by where: what differs from case to case is left out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

READ, LONGEST = 2000, 300  # characters that are read of a message, and that count once it is normalised
PIECES = 3  # literal parts of a message that a search for its like takes
SHORTEST_PIECE, LONGEST_PIECE = 4, 100
GAP = "…"
NEXT_LINE = " · "
# The order matters: an id is no number, and an address holds paths.
_PATTERNS = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)?(?:Z|[+-][0-9:]{4,5})?",  # time
    r"[a-z][a-z0-9+.-]*://[^\s\"'<>)\]]+",  # address
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",  # id
    r"\bsha(?:256|512|1):[0-9a-f]+",  # digest
    r"(?<![\w/])~?(?:/[\w.@+%~-]+){2,}/?",  # path
    r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b",  # hash
    r"\b[0-9]+(?:[.,:_][0-9]+)*(?:ns|us|µs|ms|s|m|h|d|[kmgt]i?b?)?(?:[0-9]+(?:[.][0-9]+)?(?:ms|s|m|h))*\b",  # number
)
_VARYING = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_GAPS = re.compile(rf"{GAP}(?:[\s,:;/.]*{GAP})+")


def normalise(message: str) -> str:
    """`message` with "…" for times, addresses, ids, digests, paths and numbers; one line, at most 300 characters.

    Messages that differ in these alone come out equal, and one that came out of here comes out as it is.
    """
    text = _BLANKS.sub(" ", NEXT_LINE.join(_lines(message[:READ].replace("\0", " ")))).strip()
    for _ in range(LONGEST):  # what is left out can bring together what is then left out too
        shorter = _GAPS.sub(GAP, _VARYING.sub(GAP, text))[:LONGEST].strip()
        if shorter == text:
            break
        text = shorter
    return text


def _lines(message: str) -> Iterator[str]:
    """Its lines without those that say again, after a component's name, what another said."""
    said: list[str] = []
    for line in filter(None, map(str.strip, message.splitlines())):
        if not any(line.endswith(other) for other in said):
            said.append(line)
            yield line


def fingerprint(normalised: str) -> str:
    """A short key of a normalised message."""
    return hashlib.blake2b(normalised.encode(errors="replace"), digest_size=12).hexdigest()


def pieces(normalised: str, messages: Iterable[str]) -> list[str]:
    """Up to three literal parts that stand in each of `messages`, the longest first: what a search finds them by."""
    texts = [message.upper() for message in messages]
    parts = (part.strip(" :;,.()[]\"'\\") for part in re.split(f"{GAP}|{NEXT_LINE}", normalised))
    whole = [part[:LONGEST_PIECE].strip() for part in parts]
    found = {part for part in whole if len(part) >= SHORTEST_PIECE and all(part.upper() in text for text in texts)}
    return sorted(found, key=lambda part: (-len(part), part))[:PIECES]
