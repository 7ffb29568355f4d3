"""Normalize failure messages, so that failures with the same cause have the same text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

READ, LONGEST = 2000, 300  # characters read of a message, and characters of a normalized one
CACHED = 4096  # messages
GAP = "…"
NO_WORDS = "a message without words"
NEXT_LINE = " · "
# The order matters: ids contain numbers, URLs contain paths.
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


@lru_cache(maxsize=CACHED)
def normalize(message: str) -> str:
    """`message` with "…" for times, URLs, ids, digests, paths and numbers; one line of at most 300 characters.

    Messages that differ only in these become equal; normalizing is idempotent.
    """
    text = _BLANKS.sub(" ", NEXT_LINE.join(_lines(message[:READ].replace("\0", " ")))).strip()
    for _ in range(LONGEST):  # a replacement can join texts that then match too
        shorter = _GAPS.sub(GAP, _VARYING.sub(GAP, text))[:LONGEST].strip()
        if shorter == text:
            break
        text = shorter
    return text


def _lines(message: str) -> Iterator[str]:
    """The lines of a message, without those that repeat another one after a component's name."""
    seen: list[str] = []
    for line in filter(None, map(str.strip, message.splitlines())):
        if not any(line.endswith(other) for other in seen):
            seen.append(line)
            yield line


def fingerprint(normalized: str) -> str:
    """A short key of a normalized message."""
    return hashlib.blake2b(normalized.encode(errors="replace"), digest_size=12).hexdigest()
