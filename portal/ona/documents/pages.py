"""Shared parts of documents: parts with their bytes, pages of lists, and unreadable items."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from .values import Head, Int32, Reader, readable, storable

H = TypeVar("H")
T = TypeVar("T")
E = TypeVar("E")


class Part(msgspec.Struct, Generic[H], frozen=True, gc=False):
    """One part of a document: its JSON bytes as received (`{}` if absent) and its parsed head."""

    raw: bytes
    head: H

    @property
    def storable(self) -> bytes:
        r"""`raw` for a jsonb column: \u0000, which Postgres cannot hold, replaced by U+FFFD."""
        return storable(self.raw)


class Malformed(msgspec.Struct, frozen=True):
    """An unreadable item of a page: its id if that was readable, else "", and why."""

    id: str
    error: str


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `sent_at` (UTC) is when its request was sent, `total` is present only if requested."""

    items: list[T]
    next_token: str
    sent_at: datetime
    total: int | None = None
    total_exact: bool = False
    malformed: list[Malformed] = []


class _Pagination(Head, frozen=True):
    next_token: str = ""


class _Count(Head, frozen=True):
    value: Int32 = 0
    relation: str = ""


class _Identified(Head, frozen=True):
    id: str = ""
    runner_id: str = ""
    user_id: str = ""


_identified, _pagination, _count = Reader(_Identified), Reader(_Pagination), Reader(_Count)
_items = msgspec.json.Decoder(list[msgspec.Raw])
_answer = msgspec.json.Decoder(dict[str, msgspec.Raw])
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def part_reader(kind: type[H]) -> Callable[[msgspec.Raw], Part[H]]:
    """A function that reads a part's bytes into a Part with a head of type `kind`."""
    reader = Reader(kind)

    def read(raw: msgspec.Raw) -> Part[H]:
        came = bytes(raw)
        if came in (b"", b"null"):
            came = b"{}"
        return Part(came, reader.read(came))

    return read


class Listing(Generic[E, T]):
    """Reads the pages of one list RPC: the items in field `name` are decoded as `envelope`, then opened."""

    def __init__(self, name: str, envelope: type[E], open_: Callable[[E], T]) -> None:
        self._name = name
        self._open = open_
        self._envelope = msgspec.json.Decoder(envelope)
        fields = [
            ("items", list[envelope], msgspec.field(name=name, default_factory=list)),  # type: ignore[valid-type]
            ("pagination", _Pagination, _Pagination()),
            ("count", _Count | None, None),
        ]
        answer: Any = msgspec.defstruct("ListAnswer", fields, frozen=True)
        self._answer = msgspec.json.Decoder(answer)

    def read(self, body: bytes, sent_at: datetime) -> Page[T]:
        """Parse the page in `body`; MsgspecError or RecursionError if invalid."""
        body = readable(body)
        try:
            answer = self._answer.decode(body)
            items = [self._open(each) for each in answer.items]
        except UNREADABLE:
            return self._read_patiently(body, sent_at)
        return _page(items, [], answer.pagination, answer.count, sent_at)

    def _read_patiently(self, body: bytes, sent_at: datetime) -> Page[T]:
        """Item by item, so that an unreadable one does not lose the others."""
        answer = read_answer(body)
        items: list[T] = []
        malformed: list[Malformed] = []
        for raw in _items.decode(_field(answer, self._name, b"[]")):
            try:
                items.append(self._open(self._envelope.decode(raw)))
            except UNREADABLE as error:
                malformed.append(Malformed(_id_of(bytes(raw)), str(error)))
        pagination = _pagination.read(_field(answer, "pagination", b"{}"))
        count = _count.read(_field(answer, "count", b"{}")) if "count" in answer else None
        return _page(items, malformed, pagination, count, sent_at)


def _page(
    items: list[T], malformed: list[Malformed], pagination: _Pagination, count: _Count | None, sent_at: datetime
) -> Page[T]:
    return Page(
        items=items,
        next_token=pagination.next_token,
        sent_at=sent_at,
        total=count.value if count else None,
        total_exact=bool(count and count.relation == "COUNT_RESPONSE_RELATION_EQ"),
        malformed=malformed,
    )


def read_answer(body: bytes) -> dict[str, msgspec.Raw]:
    """The undecoded fields of an answer; MsgspecError or RecursionError if it is not a JSON object."""
    body = readable(body)
    try:
        return _answer.decode(body)
    except msgspec.DecodeError:
        # msgspec rejects lone surrogates, which some JSON writers emit.
        return _answer.decode(storable(body))


def read_field(body: bytes, name: str, read: Callable[[bytes], T]) -> T:
    """The content of the answer's field `name`."""
    return read(_field(read_answer(body), name, b"{}"))


def _field(answer: Mapping[str, Any], name: str, absent: bytes) -> bytes:
    raw = bytes(answer.get(name, absent))
    return absent if raw == b"null" else raw


def _id_of(raw: bytes) -> str:
    try:
        found = _identified.read(raw)
    except UNREADABLE:
        return ""
    return (found.id or found.runner_id or found.user_id)[:100]
