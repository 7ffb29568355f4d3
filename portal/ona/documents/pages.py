"""What every document has: parts with their bytes, pages of a list, and the items of a page that could not be read."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from .values import Head, Reader, readable, storable

H = TypeVar("H")
T = TypeVar("T")


class Part(msgspec.Struct, Generic[H], frozen=True, gc=False):
    """One part of a document: the JSON bytes as they came (`{}` if absent) and what the portal reads of them."""

    raw: bytes
    head: H

    @property
    def storable(self) -> bytes:
        r"""`raw` for a jsonb column: \u0000, which Postgres cannot hold, replaced by U+FFFD."""
        return storable(self.raw)


class Malformed(msgspec.Struct, frozen=True):
    """An item of a page that could not be read: its id where that much was readable, else "", and why."""

    id: str
    error: str


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `sent_at` (UTC) is when its request was sent, `total` only there where it was asked for."""

    items: list[T]
    next_token: str
    sent_at: datetime
    total: int | None = None
    total_exact: bool = False
    malformed: list[Malformed] = []


class _Pagination(Head, frozen=True):
    next_token: str = ""


class _Count(Head, frozen=True):
    value: int = 0
    relation: str = ""


class _Identified(Head, frozen=True):
    id: str = ""


_pagination = Reader(_Pagination)
_count = Reader(_Count)
_identified = Reader(_Identified)
_answer = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def part_reader(kind: type[H]) -> Callable[[msgspec.Raw], Part[H]]:
    """A function from a part's bytes to the Part, for heads of type `kind`."""
    reader = Reader(kind)

    def read(raw: msgspec.Raw) -> Part[H]:
        came = bytes(raw)
        if came in (b"", b"null"):
            came = b"{}"
        return Part(came, reader.read(came))

    return read


def read_answer(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of an answer, unread; MsgspecError or RecursionError if it is not a JSON object."""
    body = readable(body)
    try:
        return _answer.decode(body)
    except msgspec.DecodeError:
        # msgspec refuses lone surrogates, which some JSON writers let through.
        return _answer.decode(storable(body))


def read_page(body: bytes, name: str, read: Callable[[bytes], T], sent_at: datetime) -> Page[T]:
    """The page in `body`, whose items are in the field `name`; an item that cannot be read does not lose the others."""
    answer = read_answer(body)
    items: list[T] = []
    malformed: list[Malformed] = []
    for raw in _items.decode(_field(answer, name, b"[]")):
        try:
            items.append(read(bytes(raw)))
        except UNREADABLE as error:
            malformed.append(Malformed(_id_of(bytes(raw)), str(error)))
    count = _count.read(_field(answer, "count", b"{}"))
    return Page(
        items=items,
        next_token=_pagination.read(_field(answer, "pagination", b"{}")).next_token,
        sent_at=sent_at,
        total=count.value if "count" in answer else None,
        total_exact=count.relation == "COUNT_RESPONSE_RELATION_EQ",
        malformed=malformed,
    )


def read_field(body: bytes, name: str, read: Callable[[bytes], T]) -> T:
    """What is in the answer's one field `name`."""
    return read(_field(read_answer(body), name, b"{}"))


def _field(answer: dict[str, Any], name: str, absent: bytes) -> bytes:
    raw = bytes(answer.get(name, absent))
    return absent if raw == b"null" else raw


def _id_of(raw: bytes) -> str:
    try:
        return _identified.read(raw).id[:100]
    except UNREADABLE:
        return ""
