"""What the filters of all lists have in common: parameters that make no sense are left out and explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django_filters import Filter, FilterSet

from portal.lists.search import Query


class Condition(Filter):  # type: ignore[misc]  # django-filter is untyped
    """One parameter: `ask` tells what its values ask of the table."""

    def __init__(self, label: str, field: type[forms.Field], ask: Callable[[Any], Q], **options: Any) -> None:
        super().__init__(label=label, **options)
        self.field_class = field
        self.ask = ask

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return qs.filter(self.ask(value)) if value else qs


class Conditions(FilterSet):  # type: ignore[misc]
    """Filters of a list with a search box, `q`. Parameters that make no sense are left out and explained in `errors`;
    those who must not guess (exports, bulk actions, the REST API) ask `is_valid()` and `understood` first."""

    @property
    def query(self) -> Query:
        """The search box as understood."""
        query: Query = self.cleaned["q"]
        return query

    @property
    def understood(self) -> bool:
        """Whether every parameter and every word of the search made sense."""
        return bool(self.is_valid()) and not self.query.problems

    @cached_property
    def cleaned(self) -> dict[str, Any]:
        """The parameters that made sense and are not empty, and `q`."""
        self.is_valid()
        return {name: value for name, value in self.form.cleaned_data.items() if value}

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """The parameters that made sense, value by value, without `q`."""
        return ((name, value) for name, values in self.cleaned.items() if name != "q" for value in values)
