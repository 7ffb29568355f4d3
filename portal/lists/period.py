"""A time that lists are narrowed by: within a span, from a time, up to a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from portal.lists import readers
from portal.lists.completion import among
from portal.lists.filters import Filter, any_of
from portal.lists.search import Key, same

SPANS = {"24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}


def span_words(values: Iterable[str]) -> dict[str, str]:
    return {value: SPANS.get(value, f"last {value}") for value in values}


def time_words(values: Iterable[str]) -> dict[str, str]:
    return {value: readers.time_words(value) for value in values}


@dataclass(frozen=True, slots=True)
class Period:
    """The filters and search keys `since`, `from` and `to` of a column."""

    column: str

    def since(self, text: str) -> Q:
        """Within this span."""
        return Q(**{f"{self.column}__gte": timezone.now() - readers.span(text)})

    def from_(self, text: str) -> Q:
        """At this time or later."""
        return Q(**{f"{self.column}__gte": readers.time(text)})

    def to(self, text: str) -> Q:
        """Up to this time, its minute included."""
        return Q(**{f"{self.column}__lte": readers.end_of(text)})

    def filters(self, label: str) -> tuple[Filter, ...]:
        """`label` is that of the span."""
        return (
            Filter("since", label, any_of(self.since), readers.span_text, span_words, single=True),
            Filter("from", "From", any_of(self.from_), readers.first_time_text, time_words, single=True),
            Filter("to", "To", any_of(self.to), readers.last_time_text, time_words, single=True),
        )

    def keys(self) -> tuple[Key, ...]:
        """The same in a search box."""
        return (
            Key("since", "a span such as 24h or 7d", "since:7d", self.since, among(*SPANS), same("since")),
            Key("from", "a day or a time (UTC)", "from:2026-01-31", self.from_),
            Key("to", "a day or a time (UTC), which is part of it", 'to:"2026-01-31T18:00"', self.to),
        )
