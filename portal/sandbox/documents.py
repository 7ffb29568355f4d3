"""Plain JSON documents in the form Ona answers with: their times, ids, and how a change is merged into one."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]

SECOND = 1_000_000  # the sandbox counts time in whole microseconds since 1970
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def micros(moment: datetime) -> int:
    """The moment as whole microseconds since 1970."""
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * SECOND)


def moment(instant: int) -> datetime:
    """The aware datetime of an instant given in microseconds."""
    return datetime.fromtimestamp(instant // SECOND, UTC).replace(microsecond=instant % SECOND)


def rfc3339(instant: int, nanoseconds: int = 0) -> str:
    """The instant as proto3 JSON writes it: the shortest exact of no, three, six or nine fractional digits."""
    text = datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{instant % SECOND:06d}{nanoseconds:03d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def instant_of(text: str) -> int:
    """The inverse of rfc3339; digits beyond the microsecond are cut. 0 for an absent time ("")."""
    if not text:
        return 0
    whole, _, fraction = text.rstrip("Z").partition(".")
    parsed = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(parsed.timestamp()) * SECOND + int(fraction[:6].ljust(6, "0") or 0)


def seconds_of(duration: str) -> float:
    """The length of a proto3 JSON duration such as "1800s", in seconds."""
    return float(duration.removesuffix("s") or 0)


def new_id(rng: random.Random) -> str:
    """A version 4 UUID drawn from the given generator, so that the same seed gives the same ids."""
    bits = rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def merge(into: Document, changes: Mapping[str, Any]) -> None:
    """Merge a change into a document: None removes a field, a mapping goes deeper, anything else replaces."""
    for field, value in changes.items():
        if value is None:
            into.pop(field, None)
        elif isinstance(value, Mapping):
            inner = into.get(field)
            if not isinstance(inner, dict):
                inner = into[field] = {}
            merge(inner, value)
        else:
            into[field] = value


def pruned(document: Mapping[str, Any]) -> Document:
    """Without the fields that hold their default value: proto3 JSON leaves those out."""
    kept: Document = {}
    for field, value in document.items():
        if isinstance(value, Mapping):
            kept[field] = pruned(value)
        elif isinstance(value, list):
            if value:
                kept[field] = [pruned(item) if isinstance(item, Mapping) else item for item in value]
        elif value:
            kept[field] = value
    return kept
