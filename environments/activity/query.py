"""What of the stream is asked for, as its URL holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import F
from django.http import QueryDict
from django.utils import timezone

from portal.lists import readers
from portal.lists.keyset import Cursor, Sort
from portal.lists.place import Chip, Pair, Place
from portal.lists.search import Problem

LONGEST = 300  # characters of a value
SORTS = {"at": Sort("at", "When", F("at"), None, first_click_descends=True)}
DEFAULT_ORDER = "-at"
SOURCES = {
    "portal": "asked for through the portal",
    "outside": "done outside the portal",
    "ona": "all of Ona's audit log",
}
SPANS = {"24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}
LAST_MOMENT = timedelta(seconds=59, microseconds=999_999)


def _text(text: str) -> str:
    if "\0" in text or len(text) > LONGEST:
        raise ValueError(f"takes at most {LONGEST} characters of plain text")
    return text


def _source(text: str) -> str:
    if text not in SOURCES:
        raise ValueError(f"takes one of {', '.join(SOURCES)}")
    return text


def _span(text: str) -> str:
    readers.span(text)
    return text.lower()


def _from(text: str) -> str:
    return _typed(readers.time(text))


def _to(text: str) -> str:
    return _typed(readers.time(text, at_the_end=True))


def _typed(moment: datetime) -> str:
    """As browsers write it into a field for a time."""
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")


FIELDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "source": ("Show", _source),
    "who": ("Who", _text),
    "environment": ("Environment", _text),
    "what": ("What", _text),
    "since": ("Within", _span),
    "from": ("From", _from),
    "to": ("To", _to),
}


@dataclass(frozen=True)
class State:
    """A stream as asked for, and what of the address made no sense."""

    place: Place
    cursor: Cursor | None
    problems: list[Problem]

    def one(self, name: str) -> str:
        """The value of a parameter; empty for none."""
        return self.place.one(name)

    @cached_property
    def asked(self) -> dict[str, str]:
        """Every parameter with its value, for the form."""
        return {name: self.one(name) for name in FIELDS}

    @cached_property
    def start(self) -> datetime | None:
        """The later of the two beginnings that can be asked for."""
        starts = [readers.time(self.one("from"))] if self.one("from") else []
        if self.one("since"):
            starts.append(timezone.now() - readers.span(self.one("since")))
        return max(starts, default=None)

    @cached_property
    def end(self) -> datetime | None:
        """The last moment that is asked for; its minute is part of it."""
        return readers.time(self.one("to")) + LAST_MOMENT if self.one("to") else None


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    problems: list[Problem] = []
    pairs = [pair for name in FIELDS if (pair := _pair(data, name, problems))]
    place, cursor = Place.read(data, pairs, SORTS, DEFAULT_ORDER, problems)
    return State(place, cursor, problems)


def _pair(data: QueryDict, name: str, problems: list[Problem]) -> Pair | None:
    typed = data.get(name, "").strip()
    label, read = FIELDS[name]
    try:
        return (name, read(typed)) if typed else None
    except ValueError as error:
        problems.append(Problem(f"{name}={typed}"[:100], f"{label}: {error}"))
        return None


def chips(state: State) -> list[Chip]:
    """Every condition in words."""
    return [
        Chip(FIELDS[name][0], _words(name, value), state.place.dropped(name, value))
        for name, value in state.place.filters
    ]


def _words(name: str, value: str) -> str:
    match name:
        case "source":
            return SOURCES[value]
        case "since":
            return SPANS.get(value, f"last {value}")
        case "from" | "to":
            return f"{value.replace('T', ' ')} UTC"
    return value
