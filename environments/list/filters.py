"""What environments can be filtered by; pages, exports and the REST API share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django_filters import Filter

from environments.as_of import clock
from environments.list import search_keys
from environments.models import Environment, EnvironmentQuerySet
from portal.lists.filterset import Condition, Conditions
from portal.lists.search import Query, Term, one_of, parse

MOST_VALUES = 100
MOST_CHOSEN = 100  # environments named one by one: their ids still fit into an address
LONGEST_IDLE = 36_500  # days


class Search(forms.CharField):
    """The search box; cleans to the parsed query, whose problems are the page's to show."""

    def clean(self, value: Any) -> Query:
        return parse(str(value or ""), search_keys.KEYS)


class Many(forms.Field):
    """A parameter that may be given several times; cleans to its values without repeats."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, read: Callable[[str], Any], most: int = MOST_VALUES, **options: Any) -> None:
        super().__init__(**options)
        self.read, self.most = read, most

    def clean(self, value: Any) -> tuple[str, ...]:
        texts = tuple(dict.fromkeys(text.lower() for text in value or () if text))
        if len(texts) > self.most:
            raise ValidationError(f"takes at most {self.most} values")
        try:
            for text in texts:
                self.read(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return texts


class One(Many):
    """A parameter of one value; the last counts, as in any query string."""

    def clean(self, value: Any) -> tuple[str, ...]:
        return super().clean((value or ())[-1:])


def _any(conditions: Mapping[str, Q]) -> Callable[[tuple[str, ...]], Q]:
    def ask(values: tuple[str, ...]) -> Q:
        return Q(*(conditions[value] for value in values), _connector=Q.OR)

    return ask


def _all(conditions: Mapping[str, Q]) -> Callable[[tuple[str, ...]], Q]:
    return lambda values: Q(*(conditions[value] for value in values))


def _ids(column: str) -> Callable[[tuple[str, ...]], Q]:
    """Any of these ids, or none at all."""

    def ask(values: tuple[str, ...]) -> Q:
        ids = [UUID(value) for value in values if value != search_keys.NONE]
        return Q(**{f"{column}__in": ids}) | (Q(**{column: None}) if search_keys.NONE in values else Q(pk__in=()))

    return ask


def _raw(column: str, words: Mapping[str, str]) -> Callable[[tuple[str, ...]], Q]:
    """Any of Ona's enum values, by word; values newer than the words go by the name that Ona gave them."""
    return lambda values: Q(**{f"{column}__in": [words.get(value, value.upper()) for value in values]})


def _read_raw(words: Mapping[str, str], prefix: str) -> Callable[[str], str]:
    return lambda text: text if text.startswith(prefix) and "\0" not in text else one_of(words)(text)


def _read_id(text: str) -> UUID | None:
    if text == search_keys.NONE:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise ValueError(f"takes ids, or none; {text[:60]} is neither") from None


def _read_days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 0 < int(text) <= LONGEST_IDLE:
        raise ValueError(f"takes a number of days, 1 to {LONGEST_IDLE}")
    return int(text)


def _lockdown(values: tuple[str, ...]) -> Q:
    now = clock.at()
    return Q(*(search_keys.lockdown(value, now) for value in values), _connector=Q.OR)


def _search(query: Query) -> Q:
    return Q(*map(search_keys.asks, query.terms))


CONDITIONS = {
    "q": Condition("Search", Search, _search),
    "phase": Condition(
        "Phase", Many, _raw("phase", search_keys.PHASES), read=_read_raw(search_keys.PHASES, "environment_phase_")
    ),
    "archived": Condition("Archived", One, _all(search_keys.ARCHIVED), read=one_of(search_keys.ARCHIVED)),
    "lockdown": Condition("Lockdown", Many, _lockdown, read=one_of(search_keys.LOCKDOWN)),
    "flag": Condition("Needs a look", Many, _all(search_keys.FLAGS), read=search_keys.read_flag),
    "idle": Condition("Idle for", One, lambda days: search_keys.idle(int(days[0])), read=_read_days),
    "project": Condition("Project", Many, _ids("project_id"), read=_read_id),
    "owner": Condition("Owner", Many, _ids("creator_id"), read=_read_id),
    "runner": Condition("Runner", Many, _ids("runner_id"), read=_read_id),
    "class": Condition("Class", Many, _ids("class_id"), read=_read_id),
    "role": Condition(
        "Role", Many, _raw("role", search_keys.ROLES), read=_read_raw(search_keys.ROLES, "environment_role_")
    ),
    # A form of tick boxes sends "none" too, so that where nothing is ticked nothing is meant, and not everything.
    "id": Condition("Chosen", Many, _ids("pk"), read=_read_id, most=MOST_CHOSEN + 1),
    "gone": Condition("Gone", One, _all(search_keys.GONE), read=one_of(search_keys.GONE)),
}


class EnvironmentFilters(Conditions):
    """Filters of a list of environments."""

    class Meta:
        model = Environment
        fields: list[str] = []

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        return dict(CONDITIONS)

    def filter_queryset(self, queryset: EnvironmentQuerySet) -> EnvironmentQuerySet:
        return self.without("", queryset)

    def without(self, name: str, queryset: EnvironmentQuerySet | None = None) -> EnvironmentQuerySet:
        """The environments that all filters but `name` leave: what the counts of that facet count."""
        found = self.queryset.all() if queryset is None else queryset
        if not self.asks_for_gone:
            found = found.present()
        for other, value in self.cleaned.items():
            if other != name:
                found = self.filters[other].filter(found, value)
        return found

    @property
    def asks_for_gone(self) -> bool:
        """Whether gone environments are among those found."""
        return "gone" in self.cleaned or any(_about_gone(term) for term in self.query.terms)


def _about_gone(term: Term) -> bool:
    return term.key == "gone"
