"""The declaration of a list, beside its model. Pages, fragments, exports and saved views follow from it;
docs/lists.md shows how to add one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, QueryDict

from portal.lists.filters import Filter, Values
from portal.lists.keyset import Cursor, Page, Sort, page, page_of_keys
from portal.lists.place import Chip, Pair, Place
from portal.lists.search import Problem, Query, Search, without

COUNTED = 10_000
# What no index answers alone is looked up row by row: counting many of them would outlast the page itself.
COUNTED_SCANNED = 1_000
Span = tuple[datetime | None, datetime | None]
Cells = Sequence[Any]


class AsOf(Protocol):
    """The time that a page speaks of. Rows are read within `reading()`."""

    @property
    def at(self) -> datetime | None: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def pairs(self) -> Sequence[Pair]:
        """As parameters of a URL."""

    @property
    def typed_pairs(self) -> Sequence[Pair]:
        """As parameters of a URL to be saved: a value that is not understood stays as typed."""

    def reading(self) -> AbstractContextManager[None]: ...
    def bar(self, place: Place) -> dict[str, Any]:
        """The context of the bar above the page."""

    def live(self, url: str) -> str:
        """The URL that an open page polls; empty in the past, which never changes."""

    def note(self, *texts: str) -> dict[str, str]:
        """What the head of an export adds for a past time."""


class Now:
    """The `as_of` of lists without a past."""

    at: datetime | None = None
    problems: Sequence[Problem] = ()
    pairs: Sequence[Pair] = ()
    typed_pairs: Sequence[Pair] = ()

    def reading(self) -> AbstractContextManager[None]:
        return nullcontext()

    def bar(self, place: Place) -> dict[str, Any]:
        return {}

    def live(self, url: str) -> str:
        return url

    def note(self, *texts: str) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class Heading:
    """A table column; a heading with a `sort` is a sort link. `permissions`: shown to users who have any of them."""

    css: str
    label: str = ""
    sort: str = ""
    permissions: tuple[str, ...] = ()


def without_blanks(values: Cells) -> Cells:
    """The cells of an exported row: unknown or absent is None."""
    return [None if value == "" else value for value in values]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A list as a file. `columns` are its headings, each with the model's column; `row` makes cells of their values,
    `more` names those it adds. What has no such columns gives `rows` itself, in a snapshot, and `cells` of the rows of
    one page. `types` has the kinds of those cells that are no column of the model, for the API's document.

    `about` adds to what the file says at its head, `period` tells which time the list is narrowed to.
    """

    name: str
    title: str
    columns: Mapping[str, str]
    more: Sequence[str] = ()
    types: Mapping[str, type[Field[Any, Any]]] = field(default_factory=dict)
    row: Callable[[Cells], Cells] = without_blanks
    every: Callable[[ListQuery], QuerySet[Any]] | None = None
    rows: Callable[[ListQuery], Iterator[Cells]] | None = None
    cells: Callable[[Sequence[Any], ListQuery], Iterator[Cells]] | None = None
    count: Callable[[ListQuery], int] | None = None
    about: Callable[[ListQuery], Mapping[str, Any]] = lambda query: {}
    period: Callable[[ListQuery], Span] = lambda query: (None, None)


@dataclass(frozen=True, kw_only=True)
class List:
    """One list. Only the first block is needed; every other field has what most lists want.

    `name` is the id of what links swap, `page_url` the name of its page's URL ("operations:list"), whose arguments are
    `ListQuery.of`. `base` are the rows before any filter, `rows_from` finds the list's own where filters ask another
    table, `read` chooses their columns, `display` makes of those on a page what the rows' template shows. `prepare`
    gives the list of one request, where some of it depends on that.
    """

    name: str
    page_url: str
    title: str
    one: str  # what a row is: "operation"
    many: str
    model: type[Model]
    permissions: tuple[str, ...]
    sorts: tuple[Sort, ...]
    default_order: str
    template: str  # of the page; extends lists/page.html
    rows_template: str  # the rows of the table's body; context: rows
    headings: tuple[Heading, ...]

    search: Search | None = None
    filters: tuple[Filter, ...] = ()
    facets: tuple[str, ...] = ()  # the filters that are counted beside the list
    panel: tuple[str, ...] = ()  # the filters that have a control beside the list or above it
    parameters: tuple[str, ...] = ()  # what else its address may hold, and its links keep
    of_file: tuple[str, ...] = ()  # those of them that only its file answers
    sized: bool = True
    base: Callable[[ListQuery], QuerySet[Any]] = lambda query: query.listing.model._default_manager.all()
    rows_from: Callable[[Any, ListQuery], QuerySet[Any]] = lambda found, query: found
    read: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows
    pages: Callable[[ListQuery], Page[Any]] | None = None
    display: Callable[[list[Any], ListQuery, HttpRequest], Sequence[Any]] = lambda rows, query, request: rows
    context: Callable[[HttpRequest, ListQuery, str], Mapping[str, Any]] = lambda request, query, part: {}
    prepare: Callable[[List, QueryDict, Mapping[str, Any]], List] = lambda listing, data, of: listing
    as_of: Callable[[str], AsOf] = lambda typed: Now()

    # counted (where the page says how many there are) up to a limit, a lower one for these keys ("": plain words) and
    # filters; `count` counts otherwise
    is_counted: bool = True
    scanned: tuple[str, ...] = ()
    count: Callable[[ListQuery], int] | None = None

    # whether the rows changed, from the arguments of the address; an open page asks at `changes_url`, or at its own
    # address where there is none: when portal.live says so, which needs no arguments, or as often as this
    change_token: Callable[..., str] | None = None
    poll_seconds: int = 0
    changes_url: str = ""
    facets_url: str = ""
    export_url: str = ""
    table: Table | None = None
    saved: bool = True  # whether people may save its address; never where that takes arguments

    # the REST API: its address below /api/v1/, the name unless it is another; where rows have addresses of their own,
    # the details of one besides its columns
    api: str = ""
    detail: Callable[[Any], Mapping[str, Any]] | None = None
    version: Callable[[Any], str] | None = None  # of such a row: its ETag, which edits name
    seen_by: Callable[[QuerySet[Any], Any], QuerySet[Any]] = lambda rows, user: (
        rows
    )  # those of the rows that one may see

    css: str = ""
    swapped: str = "list"  # the id of what sorting, paging and news swap
    trigger: str = "submit, change from:#facets, input changed delay:400ms from:#q"
    list_template: str = "lists/_list.html"
    body_template: str = "lists/_body.html"  # empty: fragments are always the list alone
    panel_template: str = "lists/_facets.html"
    facets_template: str = ""  # what else is beneath the facets
    top_template: str = ""  # beside the number of rows
    before_template: str = ""  # above the list, swapped with it
    problems_template: str = "lists/_problems.html"  # empty: the body has them further up
    after_template: str = ""  # beneath the table
    empty_template: str = "lists/_empty.html"
    empty: Callable[[], Mapping[str, Any]] = dict  # the context of that template
    beyond: str = "The list ends before it."

    def as_seen_by(self, user: Any) -> List:
        """The list with those of its rows that one person may see."""
        return replace(self, base=lambda query: self.seen_by(self.base(query), user))

    def token(self, of: Mapping[str, Any]) -> str:
        """The change token of the rows."""
        return self.change_token(**of) if self.change_token else ""

    @property
    def has_past(self) -> bool:
        """Whether it can be asked about a past time."""
        return not isinstance(self.as_of(""), Now)

    @cached_property
    def by_name(self) -> Mapping[str, Filter]:
        return {each.name: each for each in self.filters}

    @cached_property
    def by_sort(self) -> Mapping[str, Sort]:
        return {each.name: each for each in self.sorts}


@dataclass(frozen=True, slots=True)
class Total:
    """The number of rows, counted up to a limit."""

    count: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.count:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True, slots=True)
class Correction:
    """A problem, and two ways out of it: `url` asks for what was probably `meant`, `without` for the rest alone. Both
    are empty for a problem that leaves the rows as they are."""

    problem: Problem
    meant: str = ""
    url: str = ""
    without: str = ""

    @classmethod
    def of(cls, problem: Problem, place: Place) -> Correction:
        name = problem.parameter
        if not name:
            return cls(problem)
        meant = " ".join(value if key == "q" else f"{key}={value}" for key, value in problem.meant)
        url = place.instead(name, problem.meant) if problem.meant else ""
        return cls(problem, meant, url, place.instead(name, problem.rest))


@dataclass(frozen=True)
class ListQuery:
    """A list as its URL requests it: filters, place, cursor, and the problems of what was not understood.

    Callers that must not guess (exports, bulk actions, the REST API) check `problems` first.
    """

    listing: List
    values: Mapping[str, Values]
    search: Query
    place: Place
    cursor: Cursor | None
    problems: tuple[Problem, ...]
    as_of: AsOf = field(default_factory=Now)
    of: Mapping[str, Any] = field(default_factory=dict)
    moved: tuple[Pair, ...] = ()

    @property
    def typed(self) -> str:
        """The text in the search box, understood or not, without what a filter tells (`moved`)."""
        return self.place.one("q")

    def one(self, name: str) -> str:
        """The value of a parameter that has at most one; empty if absent, or not understood."""
        return self.place.one(name) if name not in self.listing.by_name else "".join(self.selected(name)[-1:])

    def selected(self, name: str) -> Values:
        """The values of a parameter."""
        return self.values.get(name, ())

    @property
    def is_unclear(self) -> bool:
        """Whether some of what narrows it was not understood: then there are no rows, to show or to act on."""
        return any(problem.parameter for problem in self.problems)

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter or search term applies."""
        return bool(self.values or self.search.terms)

    @property
    def corrections(self) -> list[Correction]:
        """The problems, each with the ways out of it."""
        return [Correction.of(problem, self.place) for problem in self.problems]

    def rows(self, without: str = "") -> Any:
        """The rows that all filters leave, in a query of the model's own kind; `without` one of them, which is what the
        counts of its facet count; none if it is unclear which are meant."""
        found = self.listing.base(self)
        if self.is_unclear:
            return self.listing.rows_from(found.none(), self)
        if self.search.terms:
            found = found.filter(self.search.asks)
        for name, values in self.values.items():
            if name != without:
                found = found.filter(self.listing.by_name[name].asks(values))
        return self.listing.rows_from(found, self)

    def page(self) -> Page[Any]:
        """The requested page of rows, with cursors to its neighbours."""
        if self.is_unclear:
            return Page([], None, None)
        return self.listing.pages(self) if self.listing.pages else self.keyset_page(self.listing.read)

    def keyset_page(self, read: Callable[[QuerySet[Any]], QuerySet[Any]]) -> Page[Any]:
        """The same, found by the sort's key and read with the columns that `read` chooses."""
        return page(self.rows(), self.place.order, self.place.size, self.cursor, read)

    def page_of_keys(self) -> Page[UUID | int]:
        """The primary keys of such a page alone."""
        return page_of_keys(self.rows(), self.place.order, self.place.size, self.cursor)

    def total(self, shown: Page[Any]) -> Total:
        """The number of rows, up to a limit; a page that holds the whole list is not counted again."""
        if not shown.next and not shown.previous:
            return Total(len(shown.rows))
        if self.listing.count:
            return Total(self.listing.count(self))
        asked = {*self.values, *(term.key for term in self.search.terms)}
        limit = COUNTED_SCANNED if asked.intersection(self.listing.scanned) else COUNTED
        count = self.rows().order_by().values("pk")[: limit + 1].count()
        return Total(min(count, limit), count > limit)

    def chips(self) -> list[Chip]:
        """One chip per active condition; the terms of the search box one by one."""
        place, terms = self.place, self.search.terms
        found = [Chip("", str(term), place.only("q", without(terms, term))) for term in terms]
        asked = [(self.listing.by_name[name], values) for name, values in self.values.items()]
        for each, values in asked:
            if each.together:
                found.append(Chip(each.label, each.together(values), place.only(each.name, "")))
        for each, values in asked:
            if not each.together:
                words = each.words(values)
                told = [value for value in values if value in words]
                found += [Chip(each.label, words[value], place.dropped(each.name, value)) for value in told]
        return found


def only(*columns: str) -> Callable[[QuerySet[Any]], QuerySet[Any]]:
    """Read these columns alone: lists never read documents."""
    return lambda rows: rows.only(*columns)
