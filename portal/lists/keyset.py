"""Keyset pages: the next one begins after the last row seen, so that rows coming and going neither repeat nor hide any.

A sort has one key and ends in the primary key. Rows without a value come last in both directions: a union puts them
behind the others, so that one index on (key, primary key) serves both directions and both kinds of rows as range scans.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import BooleanField, F, Func, Model, Q, QuerySet, Value
from django.db.models.expressions import Combinable

M = TypeVar("M", bound=Model)
T = TypeVar("T")
Side = Literal["after", "before", "end"]
LAST = "last"  # the cursor of the last page, in any order
Keyed = str | datetime | timedelta | float


class BadCursor(ValueError):
    """A cursor that is malformed, or was made for another sort."""


def moment(text: str) -> datetime:
    """Parse a time of a cursor; raises ValueError."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value


def number(text: str) -> float:
    """Parse a number of a cursor; raises ValueError."""
    value = float(text)
    if not isfinite(value):
        raise ValueError("not a number")
    return value


def span(text: str) -> timedelta:
    """Parse a duration of a cursor, in seconds; raises ValueError, OverflowError."""
    return timedelta(seconds=number(text))


@dataclass(frozen=True, slots=True)
class Sort:
    """A column to sort by: its expression, and what it is where it is absent ("" for texts, None for all others, whose
    keys `of` reads)."""

    name: str
    label: str
    key: Combinable
    absent: str | None
    first_click_descends: bool = False
    of: Callable[[str], Keyed] = moment

    @property
    def present(self) -> Q:
        return Q(sort_key__isnull=False) if self.absent is None else Q(sort_key__gt="")

    @property
    def missing(self) -> Q:
        return Q(sort_key__isnull=True) if self.absent is None else Q(sort_key="")

    def read(self, text: str | None) -> Keyed | None:
        """The key that a cursor holds; raises ValueError for what the database would refuse."""
        if self.absent == "":
            if text is None or "\0" in text:
                raise ValueError("not a text")
            return text.encode().decode()  # refuses lone surrogates
        return None if text is None else self.of(text)


@dataclass(frozen=True, slots=True)
class Order:
    """A sort and its direction; `str()` is its form in a URL: "name", "-name"."""

    sort: Sort
    descending: bool = False

    def __str__(self) -> str:
        return ("-" if self.descending else "") + self.sort.name

    @property
    def words(self) -> str:
        """For people: "Last used, descending"."""
        return f"{self.sort.label}, {'descending' if self.descending else 'ascending'}"


def read_order(text: str, sorts: Mapping[str, Sort]) -> Order:
    """Parse "name" or "-name"; raises KeyError for a column that cannot be sorted by."""
    return Order(sorts[text.removeprefix("-")], text.startswith("-"))


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: after, or before, the one with this key and primary key; or the end, behind all."""

    order: str
    side: Side
    key: str | None
    pk: UUID | int

    def encode(self) -> str:
        text = json.dumps([self.order, self.side, self.key, str(self.pk)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, order: Order, read_pk: Callable[[str], UUID | int] = UUID) -> Cursor:
        """`read_pk` parses the primary key of the model. Raises BadCursor."""
        if text == LAST:
            return cls(str(order), "end", None, 0)
        try:
            name, side, key, pk = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
            if name != str(order) or side not in ("after", "before") or not isinstance(key, str | None):
                raise BadCursor(text)
            order.sort.read(key)
            return cls(name, side, key, read_pk(pk))
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError, binascii.Error) as error:
            raise BadCursor(text) from error


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: its rows in order, and cursors to the neighbouring pages; None at the ends."""

    rows: list[T]
    next: str | None
    previous: str | None


def page(
    queryset: QuerySet[M], order: Order, size: int, cursor: Cursor | None, rows: Callable[[Any], QuerySet[M]]
) -> Page[M]:
    """The `size` rows of `queryset` at `cursor` (the first ones without), in two queries.

    The first finds keys and ids alone, which indexes hold; the second reads the rows found, through `rows`, which
    chooses columns.
    """
    found = page_of_keys(queryset, order, size, cursor)
    by_pk = rows(queryset.model._default_manager.all()).in_bulk(found.rows)
    return Page([by_pk[pk] for pk in found.rows if pk in by_pk], found.next, found.previous)


def page_of_keys(queryset: QuerySet[Any], order: Order, size: int, cursor: Cursor | None) -> Page[UUID | int]:
    """The primary keys of such a page, in one query."""
    backwards, is_end = cursor is not None and cursor.side != "after", cursor is not None and cursor.side == "end"
    places = _places(queryset, order, size + 1, None if is_end else cursor, backwards=backwards)
    if backwards and len(places) <= size:
        # fewer rows than a page before the cursor: show the whole first page instead of a short one
        return page_of_keys(queryset, order, size, None)
    more, places = len(places) > size, places[:size]
    if backwards:
        places.reverse()
    return Page(
        [place.pk for place in places],
        _cursor(order, "after", places[-1]) if places and (more or backwards) and not is_end else None,
        _cursor(order, "before", places[0]) if places and cursor is not None else None,
    )


def in_order(rows: QuerySet[M], order: Order) -> QuerySet[M]:
    """All rows in the order of the pages; rows without a key come last."""
    sign = "-" if order.descending else ""
    keyed: QuerySet[M] = rows.order_by().annotate(sort_key=order.sort.key).alias(is_missing=order.sort.missing)
    return keyed.order_by("is_missing", f"{sign}sort_key", f"{sign}pk")


class _Place(NamedTuple):
    pk: UUID | int
    key: Keyed | None


def _cursor(order: Order, side: Side, place: _Place) -> str:
    return Cursor(str(order), side, _written(place.key), place.pk).encode()


def _written(key: Keyed | None) -> str | None:
    """A key in the form that `Sort.read` parses."""
    if isinstance(key, timedelta):
        return repr(key.total_seconds())
    if isinstance(key, datetime):
        return key.isoformat()
    return str(key) if isinstance(key, int | float) else key


def _places(queryset: QuerySet[M], order: Order, limit: int, cursor: Cursor | None, *, backwards: bool) -> list[_Place]:
    """At most `limit` places beyond the cursor, the nearest first."""
    keyed = queryset.order_by().annotate(sort_key=order.sort.key)
    sign, beyond = ("-", " < ") if order.descending != backwards else ("", " > ")
    keyed = keyed.order_by(f"{sign}sort_key", f"{sign}pk")
    present, missing = keyed.filter(order.sort.present), keyed.filter(order.sort.missing)
    if cursor is None:
        return _read((missing, present) if backwards else (present, missing), limit)
    key = order.sort.read(cursor.key)
    if key == order.sort.absent:
        missing = missing.filter(_compared(F("pk"), beyond, Value(cursor.pk)))
        return _read((missing, present) if backwards else (missing,), limit)
    place = (order.sort.key, F("pk")), (Value(key), Value(cursor.pk))
    present = present.filter(_compared(_row(*place[0]), beyond, _row(*place[1])))
    return _read((present,) if backwards else (present, missing), limit)


def _read(parts: tuple[QuerySet[M], ...], limit: int) -> list[_Place]:
    """The parts one after the other. A later one costs nothing where an earlier one fills the limit: Postgres appends
    them in order and stops."""
    first, *others = [part.values_list("pk", "sort_key")[:limit] for part in parts]
    return list(map(_Place._make, first.union(*others, all=True)[:limit] if others else first))


def _row(*parts: Combinable) -> Func:
    return Func(*parts, function="ROW", output_field=BooleanField())


def _compared(left: Combinable, operator: str, right: Combinable) -> Func:
    """Compared as rows, the index on both columns is one range scan; `a > x OR (a = x AND b > y)` is not."""
    return Func(left, right, template="%(expressions)s", arg_joiner=operator, output_field=BooleanField())
