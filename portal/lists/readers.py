"""Parsers for values of URLs and search boxes: ids, words, durations, times. All raise ValueError that says what
is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from portal.lists.search import OneOf

NONE = "none"
LONGEST = 300  # characters of a value
LONGEST_STORED = 3_000  # characters of a value that Ona chose
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
UNITS = {
    "s": timedelta(seconds=1), "m": MINUTE, "min": MINUTE, "h": timedelta(hours=1), "d": DAY, "w": 7 * DAY,
}  # fmt: skip
_SPAN = re.compile(r"([1-9][0-9]{0,3})(min|m|h|d|w)")
_COMPARED = re.compile(r"([<>])([0-9]{1,5})(s|min|m|h|d|w)")
_ID = re.compile(r"[0-9a-f]{1,32}")


def plain_text(text: str) -> str:
    if "\0" in text or len(text) > LONGEST:
        raise ValueError(f"takes at most {LONGEST} characters of plain text")
    return text


def stored_text(text: str) -> str:
    """A text as Ona has it, of any length that an index holds."""
    if "\0" in text or len(text) > LONGEST_STORED:
        raise ValueError(f"takes at most {LONGEST_STORED:,} characters of plain text")
    return text


def word_of(words: Iterable[str]) -> OneOf:
    """One of the words, in any case."""
    return OneOf({word: word for word in words})


def id_or_none(text: str) -> str:
    """An id as URLs write it, or "none"."""
    if text.lower() == NONE:
        return NONE
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"takes ids, or none; {text[:60]} is neither") from None


def beginning_of_id(thing: str) -> Callable[[str], Q]:
    """An id or its beginning: ids that begin alike lie side by side in the primary key. `thing`: "an operation"."""

    def read(text: str) -> Q:
        digits = text.lower().replace("-", "")
        if not _ID.fullmatch(digits):
            raise ValueError(f"takes {thing}'s id or its beginning")
        return Q(id__gte=UUID(digits.ljust(32, "0")), id__lte=UUID(digits.ljust(32, "f")))

    return read


def span(text: str) -> timedelta:
    """ "7d" → 7 days."""
    match = _SPAN.fullmatch(text.lower())
    if not match:
        raise ValueError(f"takes a span such as 24h or 7d, not {text[:60]}")
    return int(match[1]) * UNITS[match[2]]


def span_text(text: str) -> str:
    """A duration as URLs write it."""
    span(text)
    return text.lower()


def compared(text: str, examples: str = "<7d or >12h") -> tuple[bool, timedelta]:
    """ "<7d" → (True, 7 days)."""
    match = _COMPARED.fullmatch(text.lower().replace(" ", ""))
    if not match:
        raise ValueError(f"takes a time such as {examples}, not {text[:60]}")
    return match[1] == "<", int(match[2]) * UNITS[match[3]]


def time(text: str, *, at_the_end: bool = False) -> datetime:
    """A time in UTC unless it names its zone, to the minute; a day alone is its first minute, or its last."""
    text = text.upper()
    is_day = len(text) <= len("2026-01-31")
    try:
        value = datetime.fromisoformat(text)
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        last = value + (DAY - MINUTE) if is_day and at_the_end else value
    except (ValueError, OverflowError):
        raise ValueError(f"takes a time such as 2026-01-31 or 2026-01-31 09:30, not {text[:60]}") from None
    return last.replace(second=0, microsecond=0)


def end_of(text: str) -> datetime:
    """The last instant of a minute or a day."""
    return time(text, at_the_end=True).replace(second=59, microsecond=999_999)


def first_time_text(text: str) -> str:
    """A time as browsers write it into a field for one."""
    return _field(time(text))


def last_time_text(text: str) -> str:
    """The same; a day alone is its last minute."""
    return _field(time(text, at_the_end=True))


def time_words(text: str) -> str:
    """Such a time in words."""
    return f"{text.replace('T', ' ')} UTC"


def _field(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")
