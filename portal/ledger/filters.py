"""What operations can be filtered by; pages and the REST API share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django_filters import Filter

from portal.ledger import search_keys
from portal.ledger.models import Operation, OperationQuerySet
from portal.lists.filterset import Condition, Conditions
from portal.lists.search import Query, one_of, parse

MOST_VALUES = 100
LONGEST = 300  # characters of a value


class Search(forms.CharField):
    """The search box; cleans to the parsed query, whose problems are the page's to show."""

    def clean(self, value: Any) -> Query:
        return parse(str(value or ""), search_keys.KEYS)


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


def _text(text: str) -> str:
    if "\0" in text or len(text) > LONGEST:
        raise ValueError(f"takes at most {LONGEST} characters of plain text")
    return text


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("takes the id of an operation that others are part of") from None


def _word(words: Mapping[str, Q]) -> Callable[[str], str]:
    """A reader that takes one of the words, whatever its case."""
    read = one_of({word: word for word in words})
    return lambda text: str(read(text))


def _span(text: str) -> str:
    search_keys.span(text)
    return text.lower()


def _from(text: str) -> str:
    return _as_typed(search_keys.moment(text))


def _to(text: str) -> str:
    return _as_typed(search_keys.moment(text, at_the_end=True))


def _as_typed(moment: datetime) -> str:
    """As browsers write it into a field for a time."""
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")


def _any(ask: Callable[[str], Q]) -> Callable[[tuple[str, ...]], Q]:
    return lambda values: Q(*map(ask, values), _connector=Q.OR)


def _in(column: str) -> Callable[[tuple[str, ...]], Q]:
    return lambda values: Q(**{f"{column}__in": values})


def _search(query: Query) -> Q:
    return Q(*map(search_keys.asks, query.terms))


CONDITIONS = {
    "q": Condition("Search", Search, _search),
    "since": Condition("Asked within", One, _any(search_keys.since), read=_span),
    "from": Condition("From", One, _any(search_keys.from_), read=_from),
    "to": Condition("To", One, _any(search_keys.to), read=_to),
    "outcome": Condition("Outcome", Many, _any(search_keys.OUTCOMES.__getitem__), read=_word(search_keys.OUTCOMES)),
    "actor": Condition("Who", One, _in("actor_name"), read=_text),
    "action": Condition("Action", Many, _in("action"), read=_text),
    "target": Condition("Target", One, _any(search_keys.target), read=_text),
    "part-of": Condition("Part of", One, _in("parent_id"), read=_id),
    "origin": Condition("From where", Many, _in("origin"), read=_word(search_keys.ORIGINS)),
}


class OperationFilters(Conditions):
    """Filters of a list of operations."""

    class Meta:
        model = Operation
        fields: list[str] = []

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        return dict(CONDITIONS)

    def filter_queryset(self, queryset: OperationQuerySet) -> OperationQuerySet:
        """Without any condition, operations that are part of another are left to it: a batch is one line."""
        asked = {name: value for name, value in self.cleaned.items() if name != "q" or value.terms}
        if not asked:
            return queryset.whole()
        for name, value in asked.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset
