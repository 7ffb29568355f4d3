"""Ona's JSON as Python values: proto3 JSON as the vendor writes it, with tolerance for variants.

The fast way is msgspec's own, from bytes into a Struct. Only documents that it rejects take the slow way, which drops
what proto3 allows to drop (nulls, unreadable references) and turns bare enum numbers into text.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import inspect

Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with up to nine fractional digits; to the microsecond."""

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

UINT64_MAX = 2**64 - 1
_LONGEST_SECONDS = 315_576_000_000  # protobuf's own limit
_DURATION = re.compile(r"(?P<sign>[+-]?)(?P<seconds>\d{1,12})(?:\.(?P<fraction>\d{1,9}))?s", re.ASCII)
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_REPLACEMENT = rb"\ufffd"


class Uint64(int):
    """An unsigned 64-bit integer, which proto3 JSON writes as a string."""


class Int64(int):
    """A signed 64-bit integer, which proto3 JSON writes as a string."""


class Duration(timedelta):
    """A proto3 duration such as "3600s" or "1.5s", to the microsecond."""


class Head(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The used fields of a document's part. Unknown fields are ignored, absent ones have proto3's defaults."""


def parse_integer(value: str | int, lowest: int, highest: int) -> int:
    """The integer in `value`; ValueError unless it is one, in plain digits, within the bounds."""
    digits = value.removeprefix("-") if isinstance(value, str) else "0"
    if isinstance(value, bool | float) or not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError("expected an integer in digits")
    number = int(value)
    if not lowest <= number <= highest:
        raise ValueError(f"expected an integer from {lowest} to {highest}")
    return number


def parse_duration(text: str) -> Duration:
    """The duration in `text` ("3600s", "1.5s", "-3s"); ValueError if it is not one."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found["seconds"]) > _LONGEST_SECONDS:
        raise ValueError("expected a duration such as 3600s")
    microseconds = int(found["seconds"]) * 1_000_000 + int((found["fraction"] or "")[:6].ljust(6, "0"))
    return Duration(microseconds=-microseconds if found["sign"] == "-" else microseconds)


def duration_text(duration: timedelta) -> str:
    """`duration` in proto3 JSON."""
    microseconds = duration // timedelta(microseconds=1)
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{'-' if microseconds < 0 else ''}{seconds}{fraction}s"


def timestamp_text(moment: datetime) -> str:
    """`moment` (aware) as RFC 3339 in UTC."""
    if moment.tzinfo is None:
        raise ValueError("a time sent to Ona needs a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def storable(raw: bytes) -> bytes:
    r"""`raw` JSON with what Postgres cannot hold (\u0000 and lone surrogates) replaced by U+FFFD."""
    if b"\\" not in raw or not _UNSTORABLE.search(raw):
        return raw
    return _ESCAPE.sub(lambda found: _REPLACEMENT if _UNSTORABLE.fullmatch(found[0]) else found[0], raw)


def readable(raw: bytes) -> bytes:
    """`raw` as valid UTF-8; bytes that are not are replaced by U+FFFD."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode(errors="replace").encode()
    return raw


def _from_json(kind: type, value: Any) -> Any:
    """msgspec's decoding hook for the types above."""
    if kind is Uint64:
        return Uint64(parse_integer(value, 0, UINT64_MAX))
    if kind is Int64:
        return Int64(parse_integer(value, -(2**63), 2**63 - 1))
    if kind is Duration:
        return parse_duration(value)
    raise NotImplementedError(kind)


def _is_uuid(value: object) -> bool:
    try:
        msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        return False
    return True


def _fit(value: Any, kind: inspect.Type) -> Any:
    """`value` as `kind` wants it, where proto3 and tolerance allow; None for what counts as absent."""
    match kind:
        case inspect.UnionType(types=types):
            return _fit(value, next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.UUIDType():
            return value if _is_uuid(value) else None
        case inspect.StrType() if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        case inspect.IntType() if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit():
            return int(value[:20])
        case inspect.ListType(item_type=item) if isinstance(value, list):
            return [each for each in (_fit(each, item) for each in value) if each is not None]
        case inspect.StructType(fields=fields) if isinstance(value, dict):
            fitted = {each.encode_name: _fit(value.get(each.encode_name), each.type) for each in fields}
            return {name: each for name, each in fitted.items() if each is not None}
    return value


T = TypeVar("T")


class Reader(Generic[T]):
    """Reads JSON bytes into one Struct type, fast if possible and leniently if necessary."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._type = inspect.type_info(kind)
        self._decoder = msgspec.json.Decoder(kind, dec_hook=_from_json)

    def read(self, raw: bytes) -> T:
        """Parse `raw` into the Struct; msgspec.DecodeError or ValidationError if invalid."""
        raw = storable(raw)
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError:
            fitted = _fit(msgspec.json.decode(raw), self._type)
            return msgspec.convert(fitted, self._kind, dec_hook=_from_json)
