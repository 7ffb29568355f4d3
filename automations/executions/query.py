"""The whole state of the executions' list, as its URL holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Model
from django.http import QueryDict

from automations.executions import search_keys
from automations.executions.filters import CONDITIONS, ExecutionFilters
from automations.models import TaskExecution
from environments.documents.labels import TRIGGERS
from environments.models import Environment
from portal.directory.models import Member, Project
from portal.lists.keyset import Cursor, Sort, span
from portal.lists.place import Chip, Place, typed
from portal.lists.search import Problem, without

# Each is read from an index of its own, in order: see TaskExecution.Meta.indexes.
SORTS = {
    sort.name: sort
    for sort in (
        Sort("phase", "Phase", F("phase"), ""),
        Sort("reference", "Task", F("reference"), ""),
        Sort("created", "Created", F("created_at"), None, first_click_descends=True),
        Sort("duration", "Took", F("duration"), None, first_click_descends=True, of=span),
    )
}
DEFAULT_ORDER = "-created"
SPANS = {"today": "today (UTC)", "24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}
DURATIONS = {"<10s": "under 10 s", ">1m": "over 1 min", ">10m": "over 10 min", ">1h": "over 1 h"}
NAMED: Mapping[str, type[Model]] = {
    "project": Project,
    "owner": Member,
    "environment": Environment,
}


@dataclass(frozen=True)
class State:
    """A list as asked for: its filters, its place, where it begins, and what of the URL made no sense."""

    filters: ExecutionFilters
    place: Place
    cursor: Cursor | None
    problems: tuple[Problem, ...]

    @property
    def typed(self) -> str:
        """What stands in the search box: as it was typed, understood or not."""
        return self.place.one("q")

    @property
    def since(self) -> str:
        """The first time asked for, as a field holds it."""
        return self.place.one("from")

    @property
    def until(self) -> str:
        """The last time asked for."""
        return self.place.one("to")

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments asked for: there are too many to choose from, so the form keeps what a link brought."""
        return self.selected("environment")

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return self.place.selected(name)


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    filters = ExecutionFilters(data, queryset=TaskExecution.objects.all())
    problems = [
        Problem(f"{name}={','.join(data.getlist(name))}"[:100], f"{CONDITIONS[name].label}: {message}")
        for name, messages in filters.errors.items()
        for message in messages
    ]
    place, cursor = Place.read(data, (*typed(data), *filters.pairs), SORTS, DEFAULT_ORDER, problems)
    return State(filters, place, cursor, (*problems, *filters.query.problems))


def chips(state: State) -> list[Chip]:
    """Every active condition in words, those of the search box one by one; one query for each kind of name."""
    place, terms = state.place, state.filters.query.terms
    found = [Chip("", str(term), place.only("q", without(terms, term))) for term in terms]
    for name in CONDITIONS:
        values = state.selected(name) if name != "q" else ()
        words = labels(name, values)
        found += [Chip(CONDITIONS[name].label, words[value], place.dropped(name, value)) for value in values]
    return found


def labels(name: str, values: Iterable[str]) -> dict[str, str]:
    """The values of a parameter in words; one query at most, and only for ids."""
    values = list(values)
    match name:
        case "project" | "owner" | "environment":
            return _names(NAMED[name], values)
        case "by":
            return _starters(values)
        case "since":
            return {value: SPANS.get(value, f"last {value}") for value in values}
        case "duration":
            return {value: DURATIONS.get(value, f"{value[0]} {value[1:]}") for value in values}
        case "from" | "to":
            return {value: f"{value.replace('T', ' ')} UTC" for value in values}
        case "phase":
            # a phase that is newer than the words goes by its name at Ona
            return {value: value if value in search_keys.PHASES else value.upper() for value in values}
    return {value: value for value in values}


def starter_words(started_by: str, name: str) -> str:
    """Who or what started an execution: a member by name, a trigger in words, else as Ona says; may be empty."""
    return TRIGGERS.get(started_by, name or started_by)


def _names(model: type[Model], values: list[str]) -> dict[str, str]:
    ids = {value: UUID(value) for value in values if value != search_keys.NONE}
    known = dict(model._default_manager.filter(pk__in=ids.values()).values_list("pk", "name")) if ids else {}
    return {
        value: known.get(ids.get(value)) or (value if value == search_keys.NONE else f"{value[:8]}…")
        for value in values
    }


def _starters(values: list[str]) -> dict[str, str]:
    """Of ids the names of members, of triggers their words."""
    people = [value for value in values if _is_id(value)]
    names = _names(Member, people)
    return {value: names.get(value) or starter_words(value, "") for value in values}


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
