"""Plain JSON documents in the form Ona answers with: their times, ids, and how a change is merged into one."""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

Document = dict[str, Any]

SECOND = 1_000_000  # the sandbox counts time in whole microseconds since 1970
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def micros(at: datetime) -> int:
    """The time as whole microseconds since 1970."""
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * SECOND)


def datetime_of(instant: int) -> datetime:
    """The aware datetime of an instant given in microseconds."""
    return datetime.fromtimestamp(instant // SECOND, UTC).replace(microsecond=instant % SECOND)


@cache
def _date(day: int) -> str:
    """The date so many days after the beginning of 1970."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


@cache
def _day(text: str) -> int:
    """The inverse of _date."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def rfc3339(instant: int, nanoseconds: int = 0) -> str:
    """The instant as proto3 JSON writes it: the shortest exact of no, three, six or nine fractional digits."""
    seconds, fraction = divmod(instant, SECOND)
    day, seconds = divmod(seconds, 86_400)
    minutes, seconds = divmod(seconds, 60)
    text = f"{_date(day)}T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    if nanoseconds:
        return f"{text}.{fraction:06d}{nanoseconds:03d}Z"
    if fraction % 1000:
        return f"{text}.{fraction:06d}Z"
    return f"{text}.{fraction // 1000:03d}Z" if fraction else f"{text}Z"


def instant_of(text: str) -> int:
    """The inverse of rfc3339; digits beyond the microsecond are cut. 0 for an absent time ("")."""
    if not text:
        return 0
    seconds = _day(text[:10]) * 86_400 + int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    fraction = text[20:26].rstrip("Z")
    return seconds * SECOND + (int(fraction.ljust(6, "0")) if fraction else 0)


def seconds_of(duration: str) -> float:
    """The length of a proto3 JSON duration such as "1800s", in seconds."""
    return float(duration.removesuffix("s") or 0)


def new_id(rng: random.Random) -> str:
    """A version 4 UUID drawn from the given generator, so that the same seed gives the same ids."""
    bits = rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def merge(into: Document, changes: Mapping[str, Any]) -> None:
    """Merge a change into a document: None removes a field, a dict goes deeper, anything else replaces."""
    for field, value in changes.items():
        if value is None:
            into.pop(field, None)
        elif type(value) is dict:
            inner = into.get(field)
            if type(inner) is not dict:
                inner = into[field] = {}
            merge(inner, value)
        else:
            into[field] = value


def instead(before: Document, after: Document) -> Document:
    """The change that makes `before` be `after` when it is merged: what is taken as a whole loses what is not named."""
    changes: Document = dict.fromkeys(before) | after
    for field, known in before.items():
        if isinstance(known, dict) and isinstance(after.get(field), dict):
            changes[field] = instead(known, after[field])
    return changes


def pruned(document: Document) -> Document:
    """Without the fields that hold their default value: proto3 JSON leaves those out (but not empty messages)."""
    fields: Document = {}
    for field, value in document.items():
        kind = type(value)
        if kind is dict:
            fields[field] = pruned(value)
        elif value:
            fields[field] = [pruned(item) if type(item) is dict else item for item in value] if kind is list else value
    return fields
