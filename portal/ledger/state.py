"""The whole state of the operations' list, as its URL holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F
from django.http import QueryDict

from portal.ledger.filters import CONDITIONS, OperationFilters
from portal.ledger.models import Operation
from portal.ledger.words import ORIGINS, action_words
from portal.web.pages import BadCursor, Cursor, Order, Sort, read_order
from portal.web.search import Problem, without

# read from operation_newest, in both directions
SORTS = {"asked": Sort("asked", "Asked", F("asked_at"), None, first_click_descends=True)}
DEFAULT_ORDER = "-asked"
SIZES = (25, 50, 100)
DEFAULT_SIZE = 50
SPANS = {"24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}
OUTCOMES = {"open": "open: not ended yet"}


@dataclass(frozen=True, slots=True)
class Chip:
    """One active condition, and the list without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Place:
    """What the URL says, as pairs that made sense; every method gives the query string of another list."""

    filters: tuple[tuple[str, str], ...]
    order: Order
    size: int = DEFAULT_SIZE
    cursor: str = ""

    def __str__(self) -> str:
        pairs = list(self.filters)
        if str(self.order) != DEFAULT_ORDER:
            pairs.append(("sort", str(self.order)))
        if self.size != DEFAULT_SIZE:
            pairs.append(("size", str(self.size)))
        if self.cursor:
            pairs.append(("page", self.cursor))
        return "?" + urlencode(pairs)

    def at(self, cursor: str | None) -> str:
        return str(replace(self, cursor=cursor or ""))

    def turned(self) -> str:
        """From its other end."""
        return str(replace(self, order=Order(self.order.sort, not self.order.descending), cursor=""))

    def sized(self, size: int) -> str:
        return str(replace(self, size=size, cursor=""))

    def searched(self, typed: str) -> str:
        """With this in the search box."""
        pairs = tuple(pair for pair in self.filters if pair[0] != "q")
        return str(replace(self, filters=((("q", typed),) if typed else ()) + pairs, cursor=""))

    def dropped(self, name: str, value: str) -> str:
        """Without this condition."""
        return str(replace(self, filters=tuple(pair for pair in self.filters if pair != (name, value)), cursor=""))


@dataclass(frozen=True)
class State:
    """A list as asked for: its filters, its place, where it begins, and what of the URL made no sense."""

    filters: OperationFilters
    place: Place
    cursor: Cursor | None
    problems: tuple[Problem, ...]

    @property
    def typed(self) -> str:
        """What stands in the search box: as it was typed, understood or not."""
        return self.one("q")

    def one(self, name: str) -> str:
        """The value of a parameter that has at most one; empty for none."""
        return dict(self.place.filters).get(name, "")

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return tuple(value for other, value in self.place.filters if other == name)


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    filters = OperationFilters(data, queryset=Operation.objects.all())
    problems = [
        Problem(f"{name}={','.join(data.getlist(name))}"[:100], f"{CONDITIONS[name].label}: {message}")
        for name, messages in filters.errors.items()
        for message in messages
    ]
    order, size = _order(data, problems), _size(data, problems)
    cursor = _cursor(data, order, problems)
    place = Place(tuple(_pairs(data, filters)), order, size, data.get("page", "") if cursor else "")
    return State(filters, place, cursor, (*problems, *filters.query.problems))


def chips(state: State) -> list[Chip]:
    """Every active condition in words, those of the search box one by one; one query at most, for a target's name."""
    place, terms = state.place, state.filters.query.terms
    found = [Chip("", str(term), place.searched(without(terms, term))) for term in terms]
    pairs = [pair for pair in place.filters if pair[0] != "q"]
    return found + [
        Chip(CONDITIONS[name].label, label(name, value), place.dropped(name, value)) for name, value in pairs
    ]


def label(name: str, value: str) -> str:
    """The value of a parameter in words."""
    match name:
        case "action":
            return action_words(value)
        case "origin":
            return ORIGINS[value]
        case "since":
            return SPANS.get(value, f"last {value}")
        case "from" | "to":
            return f"{value.replace('T', ' ')} UTC"
        case "target":
            return _target_name(value)
    return OUTCOMES.get(value, value) if name == "outcome" else value


def _target_name(value: str) -> str:
    """Of an environment's id the name it had in its newest operation."""
    try:
        environment_id = UUID(value)
    except ValueError:
        return value
    rows = Operation.objects.of_environment(environment_id).filter(target_id=environment_id).newest_first()
    return rows.values_list("target_name", flat=True).first() or value


def _pairs(data: QueryDict, filters: OperationFilters) -> list[tuple[str, str]]:
    typed = data.get("q", "").replace("\0", " ").strip()
    pairs = [("q", typed)] if typed else []
    return pairs + [(name, value) for name, values in filters.cleaned.items() if name != "q" for value in values]


def _order(data: QueryDict, problems: list[Problem]) -> Order:
    text = data.get("sort") or DEFAULT_ORDER
    try:
        return read_order(text, SORTS)
    except KeyError:
        problems.append(Problem(f"sort={text}"[:100], "Sort: there is no such column"))
        return read_order(DEFAULT_ORDER, SORTS)


def _size(data: QueryDict, problems: list[Problem]) -> int:
    text = data.get("size") or str(DEFAULT_SIZE)
    if text in map(str, SIZES):
        return int(text)
    problems.append(Problem(f"size={text}"[:100], "Rows on a page: takes 25, 50 or 100"))
    return DEFAULT_SIZE


def _cursor(data: QueryDict, order: Order, problems: list[Problem]) -> Cursor | None:
    text = data.get("page")
    if not text:
        return None
    try:
        return Cursor.decode(text, order)
    except BadCursor:
        problems.append(Problem(f"page={text}"[:40], "Page: this is not a place in this list; here is its beginning"))
        return None
