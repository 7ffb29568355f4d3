"""The details of an error: Connect's JSON form of messages, as far as people see them."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping
from typing import Any

LENGTH_DELIMITED = 2


def detail_name(detail: Any) -> str:
    """The name of a detail's message: "type.googleapis.com/gitpod.v1.X" → "X"."""
    kind = detail.get("type", "") if isinstance(detail, Mapping) else ""
    return str(kind).rpartition("/")[2].rpartition(".")[2]


def detail_texts(detail: Any, name: str, number: int = 1) -> list[str]:
    """The values of a repeated string field, by `name` if the detail came as JSON, else by `number` from its bytes;
    empty if unreadable.
    """
    if not isinstance(detail, Mapping):
        return []
    debug, value = detail.get("debug"), detail.get("value")
    if isinstance(debug, Mapping) and isinstance(debug.get(name), list):
        return [each for each in debug[name] if isinstance(each, str)]
    try:
        packed = b64decode(f"{value}===", validate=False) if isinstance(value, str) else b""
        return [text.decode() for field, text in _fields(packed) if field == number]
    except (NotBase64, ValueError, IndexError):
        return []


def _fields(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a message with only texts; ValueError for other fields."""
    place = 0
    while place < len(packed):
        tag, place = _varint(packed, place)
        if tag & 7 != LENGTH_DELIMITED:
            raise ValueError("not a text")
        length, place = _varint(packed, place)
        if place + length > len(packed):
            raise ValueError("cut off")
        yield tag >> 3, packed[place : place + length]
        place += length


def _varint(packed: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = packed[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
