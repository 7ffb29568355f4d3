"""What the URLs of all lists share: conditions, order, page size, cursor; and the links made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from portal.lists.keyset import BadCursor, Cursor, Order, Sort, read_order
from portal.lists.search import Problem

SIZES = (25, 50, 100)
DEFAULT_SIZE = 50
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chip:
    """One active condition, and the URL of the list without it."""

    label: str
    text: str
    url: str

    def __str__(self) -> str:
        return f"{self.label}: {self.text}" if self.label else self.text


@dataclass(frozen=True, slots=True)
class Column:
    """A sortable heading; `direction` is its aria-sort value."""

    name: str
    label: str
    url: str
    direction: str


@dataclass(frozen=True, slots=True)
class Place:
    """What the URL says, as pairs that made sense; every method gives the query string of another list.

    What is as by default is left out of it.
    """

    filters: tuple[Pair, ...]
    order: Order
    default_order: str
    size: int = DEFAULT_SIZE
    cursor: str = ""

    @classmethod
    def read(
        cls,
        data: QueryDict,
        filters: Iterable[Pair],
        sorts: Mapping[str, Sort],
        default_order: str,
        problems: list[Problem],
        *,
        sized: bool = True,
        read_pk: Callable[[str], UUID | int] = UUID,
    ) -> tuple[Self, Cursor | None]:
        """Parse the place in `data` beside `filters`, and its cursor; adds what is not understood to `problems`."""
        order = _order(data, sorts, default_order, problems)
        size = _size(data, problems) if sized else DEFAULT_SIZE
        cursor = _cursor(data, order, problems, read_pk)
        return cls(tuple(filters), order, default_order, size, data.get("page", "") if cursor else ""), cursor

    def __str__(self) -> str:
        pairs = list(self.filters)
        if self.sort_field:
            pairs.append(("sort", self.sort_field))
        if self.size_field:
            pairs.append(("size", self.size_field))
        if self.cursor:
            pairs.append(("page", self.cursor))
        return "?" + urlencode(pairs)

    @property
    def sort_field(self) -> str:
        """The order as a form field; empty for the default."""
        return "" if str(self.order) == self.default_order else str(self.order)

    @property
    def size_field(self) -> str:
        """The page size as a form field; empty for the default."""
        return "" if self.size == DEFAULT_SIZE else str(self.size)

    @property
    def key(self) -> str:
        """The filters alone: the same for every order and page of the same rows."""
        return urlencode(sorted(self.filters))

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of a parameter."""
        return tuple(value for other, value in self.filters if other == name)

    def one(self, name: str) -> str:
        """The value of a parameter that has at most one; empty if absent."""
        return dict(self.filters).get(name, "")

    def at(self, cursor: str | None) -> str:
        return str(replace(self, cursor=cursor or ""))

    def sorted_by(self, order: Order) -> str:
        return str(replace(self, order=order, cursor=""))

    def turned(self) -> str:
        """In the opposite order."""
        return self.sorted_by(Order(self.order.sort, not self.order.descending))

    def sized(self, size: int) -> str:
        return str(replace(self, size=size, cursor=""))

    def narrowed(self, name: str, value: str) -> str:
        """With this condition added."""
        return str(replace(self, filters=(*self.filters, (name, value)), cursor=""))

    def only(self, name: str, value: str) -> str:
        """With this condition instead of others of its name; with none if the value is empty."""
        names = [other for other, _ in self.filters]
        place = names.index(name) if name in names else len(names)
        kept = [pair for pair in self.filters if pair[0] != name]
        kept[place:place] = [(name, value)] if value else []
        return str(replace(self, filters=tuple(kept), cursor=""))

    def dropped(self, name: str, value: str) -> str:
        """Without this condition."""
        return str(replace(self, filters=tuple(pair for pair in self.filters if pair != (name, value)), cursor=""))

    def instead(self, name: str, pairs: Iterable[Pair]) -> str:
        """With these conditions instead of those of this name."""
        kept = [pair for pair in self.filters if pair[0] != name]
        return str(replace(self, filters=(*kept, *pairs), cursor=""))

    def column(self, sort: Sort) -> Column:
        """The heading of a column: a click reverses the present order, or starts sorting by this column."""
        if self.order.sort.name == sort.name:
            direction = "descending" if self.order.descending else "ascending"
            return Column(sort.name, sort.label, self.turned(), direction)
        return Column(sort.name, sort.label, self.sorted_by(Order(sort, sort.first_click_descends)), "none")


def typed(data: QueryDict) -> list[Pair]:
    """The text of the search box, as the first pair of a place."""
    text = data.get("q", "").replace("\0", " ").strip()
    return [("q", text)] if text else []


def _order(data: QueryDict, sorts: Mapping[str, Sort], default: str, problems: list[Problem]) -> Order:
    text = data.get("sort") or default
    try:
        return read_order(text, sorts)
    except KeyError:
        problems.append(Problem(f"sort={text}"[:100], "Sort: there is no such column"))
        return read_order(default, sorts)


def _size(data: QueryDict, problems: list[Problem]) -> int:
    text = data.get("size") or str(DEFAULT_SIZE)
    if text in map(str, SIZES):
        return int(text)
    problems.append(Problem(f"size={text}"[:100], "Rows on a page: takes 25, 50 or 100"))
    return DEFAULT_SIZE


def _cursor(
    data: QueryDict, order: Order, problems: list[Problem], read_pk: Callable[[str], UUID | int]
) -> Cursor | None:
    text = data.get("page")
    if not text:
        return None
    try:
        return Cursor.decode(text, order, read_pk)
    except BadCursor:
        problems.append(Problem(f"page={text}"[:40], "Page: this is not a place in this list; here is its beginning"))
        return None
