"""One kind of document, stored as the JSON bytes a list answers with, with indexes so that a page costs what it shows.

A list at 100,000 environments must not be the bottleneck of somebody else's benchmark: bytes are joined, never rebuilt,
and a page is found by bisection instead of a scan.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from portal.sandbox.documents import Document, pruned

Facts = TypeVar("Facts")
Key = tuple[int, str]  # when it was created (µs) and its id: the order of every list, newest first

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Entry(Generic[Facts]):
    """One document: where it stands in the order, its bytes, and the facts filters look at."""

    key: Key
    body: bytes
    facts: Facts

    def document(self) -> Document:
        """The document, decoded afresh: changing it changes nothing here."""
        document: Document = _decode(self.body)
        return document


class Table(Generic[Facts]):
    """Documents of one kind by id, in order of creation, and by each value of the indexed facts."""

    def __init__(
        self, facts: Callable[[Document], Facts], created: Callable[[Document], int], indexed: tuple[str, ...]
    ):
        self._facts = facts
        self._created = created
        self.entries: dict[str, Entry[Facts]] = {}
        self.keys: list[Key] = []
        self._filling = False
        self._ids: list[str] | None = None  # in order, once that order was requested
        self.indexes: dict[str, dict[Any, list[Key]]] = {field: {} for field in indexed}

    def __len__(self) -> int:
        return len(self.entries)

    def put(self, document: Document, *, clean: bool = False) -> Entry[Facts]:
        """Add a document or replace the one with the same id; a clean one holds no default values to be left out."""
        return self.restore(_encode(document if clean else pruned(document)), document)

    def restore(self, body: bytes, document: Document | None = None) -> Entry[Facts]:
        """Add or replace a document from its bytes."""
        document = _decode(body) if document is None else document
        facts = self._facts(document)
        old = self.entries.get(document["id"])
        if old is None:
            return self.adopt((self._created(document), document["id"]), body, facts)
        self._reindex(old, facts)
        old.body, old.facts = body, facts
        return old

    def adopt(self, key: Key, body: bytes, facts: Facts) -> Entry[Facts]:
        """Add a document with its key, bytes and facts."""
        entry = Entry(key, body, facts)
        self.entries[key[1]] = entry
        insert = list.append if self._filling else _insert
        insert(self.keys, key)
        if self._ids is not None:
            insort(self._ids, key[1])
        for field, index in self.indexes.items():
            insert(index.setdefault(getattr(facts, field), []), key)
        return entry

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Put the lists in order once at the end instead of at every addition. Nothing may be walked meanwhile."""
        self._filling = True
        yield
        self._filling = False
        for keys in (self.keys, *(keys for index in self.indexes.values() for keys in index.values())):
            keys.sort()

    def remove(self, identifier: str) -> None:
        """Forget a document."""
        entry = self.entries.pop(identifier)
        _discard(self.keys, entry.key)
        if self._ids is not None:
            del self._ids[bisect_left(self._ids, identifier)]
        for field, index in self.indexes.items():
            self._unindex(index, getattr(entry.facts, field), entry.key)

    def _reindex(self, entry: Entry[Facts], facts: Facts) -> None:
        for field, index in self.indexes.items():
            before, after = getattr(entry.facts, field), getattr(facts, field)
            if before != after:
                self._unindex(index, before, entry.key)
                _insert(index.setdefault(after, []), entry.key)

    @staticmethod
    def _unindex(index: dict[Any, list[Key]], value: Any, key: Key) -> None:
        keys = index[value]
        _discard(keys, key)
        if not keys:
            del index[value]

    def walk(
        self,
        wanted: Mapping[str, Collection[Any]],
        accept: Callable[[Facts], bool] | None = None,
        below: Key | None = None,
    ) -> Iterator[Entry[Facts]]:
        """Newest first, the documents whose indexed facts are among those wanted and which are accepted.

        An empty collection of wanted values asks for everything. `below` starts after that key.
        """
        requested = {field: set(values) for field, values in wanted.items() if values}
        lists = self._smallest(requested)
        streams = [_descending(keys, below) for keys in lists]
        for key in streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=True):
            entry = self.entries[key[1]]
            if self.matches(entry, requested, accept):
                yield entry

    @staticmethod
    def matches(
        entry: Entry[Facts],
        wanted: Mapping[str, Collection[Any]],
        accept: Callable[[Facts], bool] | None = None,
        below: Key | None = None,
    ) -> bool:
        """Whether a walk would meet this entry."""
        facts = entry.facts
        return (
            all(not values or getattr(facts, field) in values for field, values in wanted.items())
            and (accept is None or accept(facts))
            and (below is None or entry.key < below)
        )

    def by_id(self, after: str = "", *, descending: bool = False) -> Iterator[Entry[Facts]]:
        """All documents in the order of their ids, beyond the given one."""
        if self._ids is None:
            self._ids = sorted(self.entries)
        ids = self._ids
        if descending:
            stop = bisect_left(ids, after) if after else len(ids)
            return (self.entries[ids[index]] for index in range(stop - 1, -1, -1))
        return (self.entries[ids[index]] for index in range(bisect_right(ids, after), len(ids)))

    def _smallest(self, requested: Mapping[str, Collection[Any]]) -> list[list[Key]]:
        """The key lists of the requested field that leaves the fewest documents to look at."""
        if not requested:
            return [self.keys]
        choices = [[self.indexes[field].get(value, []) for value in values] for field, values in requested.items()]
        return min(choices, key=lambda lists: sum(map(len, lists)))

    def count(
        self,
        wanted: Mapping[str, Collection[Any]],
        accept: Callable[[Facts], bool] | None,
        below: Key | None,
        limit: int,
    ) -> tuple[int, bool]:
        """How many documents a walk would meet, and whether that is exact: looking at each of them stops at `limit`."""
        requested = {field: values for field, values in wanted.items() if values}
        if accept is None and len(requested) <= 1:
            lists = self._smallest({field: set(values) for field, values in requested.items()})
            return sum(len(keys) if below is None else bisect_left(keys, below) for keys in lists), True
        seen = sum(1 for _ in islice(self.walk(wanted, accept, below), limit + 1))
        return min(seen, limit), seen <= limit


def _insert(keys: list[Key], key: Key) -> None:
    if not keys or keys[-1] < key:
        keys.append(key)
    else:
        insort(keys, key)


def _discard(keys: list[Key], key: Key) -> None:
    position = bisect_left(keys, key)
    if position < len(keys) and keys[position] == key:
        del keys[position]


def _descending(keys: list[Key], below: Key | None) -> Iterator[Key]:
    position = len(keys) if below is None else bisect_left(keys, below)
    for index in range(position - 1, -1, -1):
        yield keys[index]
