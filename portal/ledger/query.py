"""The whole state of the operations' list, as its URL holds it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F
from django.http import QueryDict

from portal.ledger.filters import CONDITIONS, OperationFilters
from portal.ledger.labels import ORIGINS, action_words
from portal.ledger.models import Operation
from portal.lists.keyset import Cursor, Sort
from portal.lists.query import Chip, Place, typed
from portal.lists.search import Problem, without

# read from operation_newest, in both directions
SORTS = {"asked": Sort("asked", "Asked", F("asked_at"), None, first_click_descends=True)}
DEFAULT_ORDER = "-asked"
SPANS = {"24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}
OUTCOMES = {"open": "open: not ended yet"}


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
        return self.place.one(name)

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return self.place.selected(name)


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    filters = OperationFilters(data, queryset=Operation.objects.all())
    problems = [
        Problem(f"{name}={','.join(data.getlist(name))}"[:100], f"{CONDITIONS[name].label}: {message}")
        for name, messages in filters.errors.items()
        for message in messages
    ]
    place, cursor = Place.read(data, (*typed(data), *filters.pairs), SORTS, DEFAULT_ORDER, problems)
    return State(filters, place, cursor, (*problems, *filters.query.problems))


def chips(state: State) -> list[Chip]:
    """Every active condition in words, those of the search box one by one; one query at most, for a target's name."""
    place, terms = state.place, state.filters.query.terms
    found = [Chip("", str(term), place.only("q", without(terms, term))) for term in terms]
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
        case "part-of":
            return Operation.objects.filter(pk=value).values_list("target_name", flat=True).first() or value
    return OUTCOMES.get(value, value) if name == "outcome" else value


def _target_name(value: str) -> str:
    """Of an environment's id the name it had in its newest operation."""
    try:
        environment_id = UUID(value)
    except ValueError:
        return value
    rows = Operation.objects.of_environment(environment_id).filter(target_id=environment_id).newest_first()
    return rows.values_list("target_name", flat=True).first() or value
