"""What executions can be filtered by; pages, exports and the REST API share it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django_filters import Filter

from automations.executions import search_keys
from automations.models import AutomationQuerySet, TaskExecution
from portal.lists.filterset import Condition, Conditions
from portal.lists.readers import span
from portal.lists.readers import time as moment
from portal.lists.search import Query, one_of, parse

LONGEST = 300  # characters of a value
MOST_VALUES = 100


class Many(forms.Field):
    """A parameter that may be given several times; cleans to what `read` makes of its values, without repeats."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, read: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self.read = read

    def clean(self, value: Any) -> tuple[str, ...]:
        texts = [text.strip() for text in value or () if text.strip()]
        if len(texts) > MOST_VALUES:
            raise ValidationError(f"takes at most {MOST_VALUES} values")
        try:
            return tuple(dict.fromkeys(map(self.read, texts)))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class One(Many):
    """A parameter of one value; the last counts, as in any query string."""

    def clean(self, value: Any) -> tuple[str, ...]:
        return super().clean((value or ())[-1:])


class Search(forms.CharField):
    """The search box; cleans to the parsed query, whose problems are the page's to show."""

    def clean(self, value: Any) -> Query:
        return parse(str(value or ""), search_keys.KEYS)


def _text(text: str) -> str:
    if "\0" in text or len(text) > LONGEST:
        raise ValueError(f"takes at most {LONGEST} characters of plain text")
    return text


def _phase(text: str) -> str:
    word = text.lower()
    if not word.startswith(search_keys.PREFIX.lower()) or "\0" in word:
        one_of(search_keys.PHASES)(word)
    return word


def id_or_none(text: str) -> str:
    """An id as URLs hold it, or "none"; raises ValueError."""
    if text.lower() == search_keys.NONE:
        return search_keys.NONE
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"takes ids, or none; {text[:60]} is neither") from None


def _since(text: str) -> str:
    if text.lower() != search_keys.TODAY:
        span(text)
    return text.lower()


def _as_typed(at_the_end: bool) -> Callable[[str], str]:
    """A time as browsers write it into a field for one."""

    def read(text: str) -> str:
        return moment(text, at_the_end=at_the_end).replace(tzinfo=None).isoformat(timespec="minutes")

    return read


def _duration(text: str) -> str:
    search_keys.compared(text)
    return text.lower().replace(" ", "")


def phases(values: tuple[str, ...]) -> Q:
    """Executions in any of these phases, by word; those newer than the words go by the name that Ona gave them."""
    return Q(phase__in=[search_keys.PHASES.get(value, value.upper()) for value in values])


def ids(column: str) -> Callable[[tuple[str, ...]], Q]:
    """Any of these ids, or none at all."""

    def ask(values: tuple[str, ...]) -> Q:
        known = [UUID(value) for value in values if value != search_keys.NONE]
        return Q(**{f"{column}__in": known}) | (Q(**{column: None}) if search_keys.NONE in values else Q(pk__in=()))

    return ask


def since(value: str) -> datetime:
    """The time that "today" (UTC) or a span such as "7d" reaches back to."""
    now = timezone.now()
    return now.replace(hour=0, minute=0, second=0, microsecond=0) if value == search_keys.TODAY else now - span(value)


def _to(values: tuple[str, ...]) -> Q:
    return Q(created_at__lte=moment(values[0]).replace(second=59, microsecond=999_999))


def _started_by(values: tuple[str, ...]) -> Q:
    return Q(started_by__in=["" if value == search_keys.NONE else value for value in values])


def _search(query: Query) -> Q:
    return Q(*map(search_keys.asks, query.terms))


CONDITIONS = {
    "q": Condition("Search", Search, _search),
    "phase": Condition("Phase", Many, phases, read=_phase),
    "since": Condition("Created", One, lambda values: Q(created_at__gte=since(values[0])), read=_since),
    "from": Condition("From", One, lambda values: Q(created_at__gte=moment(values[0])), read=_as_typed(False)),
    "to": Condition("To", One, _to, read=_as_typed(True)),
    "duration": Condition("Took", One, lambda values: search_keys.duration(values[0]), read=_duration),
    "reference": Condition("Task", Many, lambda values: Q(reference__in=values), read=_text),
    "project": Condition("Project", Many, ids("project_id"), read=id_or_none),
    "owner": Condition("Owner", Many, ids("owner_id"), read=id_or_none),
    "by": Condition("Started by", Many, _started_by, read=_text),
    "environment": Condition("Environment", Many, ids("environment_id"), read=id_or_none),
}


class ExecutionFilters(Conditions):
    """Filters of a list of executions."""

    class Meta:
        model = TaskExecution
        fields: list[str] = []

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        return dict(CONDITIONS)

    def filter_queryset(self, queryset: AutomationQuerySet) -> AutomationQuerySet:
        return self.without("", queryset)

    def without(self, name: str, queryset: AutomationQuerySet | None = None) -> AutomationQuerySet:
        """The executions that all filters but `name` leave: what the counts of that facet count."""
        found: AutomationQuerySet = self.queryset.all() if queryset is None else queryset
        for other, value in self.cleaned.items():
            if other != name:
                found = self.filters[other].filter(found, value)
        return found
