"""Where a timeline comes from: each source tells its part of the picture and its rows of the list.

This app's own are in `transitions`, `versions`, `asked_for` and `outside`. Other apps add theirs to SOURCES
(automations.apps).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q

from environments.models import Environment
from environments.timeline.lanes import Lane, Mark, Period, Seen, lanes
from environments.timeline.observed import Gap, Sight, apart, gaps, limit, observed
from portal.ledger.diff import Change, compare, moved, still
from portal.ledger.rows import Row

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Story:
    """What the picture shows of one source. `labels` has the lanes in their order, also those without anything in them.

    `moments` are when it was looked at by itself, `gone` when it was not there; `left_out` says what did
    not fit, in sentences.
    """

    labels: Mapping[str, str]
    seen: Sequence[Seen] = ()
    marks: Sequence[Mark] = ()
    moments: Sequence[datetime] = ()
    gone: Sequence[Period] = ()
    left_out: Sequence[str] = ()


class Place(NamedTuple):
    """A place in the list, which is ordered by these three, newest first: rows after it are older."""

    at: datetime
    letter: str
    id: int | UUID


@dataclass(frozen=True, slots=True)
class Slice:
    """What is asked of a source for the list: at most `limit` rows of `period` after `after`, of one lane or of all."""

    period: Period
    lane: str
    after: Place | None
    limit: int

    def query(self, letter: str, column: str) -> Q:
        """The condition on a source's own rows, whose time is in `column`."""
        within = Q(**{f"{column}__gte": self.period.start, f"{column}__lte": self.period.end})
        if self.after is None:
            return within
        at, theirs, id_ = self.after
        if letter != theirs:
            return within & Q(**{f"{column}__{'lte' if letter < theirs else 'lt'}": at})
        return within & (Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": id_}))


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the list: `kind` says how `old` and `new` are written (phase, time, text); None: there is no such."""

    place: Place
    lane: str
    what: str
    kind: str = "text"
    old: str | datetime | None = None
    new: str | datetime | None = None
    after: datetime | None = None
    who: str = ""
    why: str = ""
    url: str = ""

    @property
    def key(self) -> str:
        return f"{self.place.letter}{self.place.id}"

    @property
    def at(self) -> datetime:
        return self.place.at


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was selected: when it came, what it changed field by field, and what may have led to it.

    `origin` says in words who made it, as far as that is known; `links` are addresses of more with their texts.
    `is_first`: nothing was seen before it, and `changes` are all that was seen then, with the `specification` of then.
    `kept` says what is kept of such a thing.
    """

    key: str
    title: str
    at: datetime
    after: datetime | None
    changes: list[Change] = field(default_factory=list)
    operations: list[Row] = field(default_factory=list)
    origin: str = ""
    why: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    is_first: bool = False
    specification: list[Change] = field(default_factory=list)
    kept: str = ""

    @property
    def moved(self) -> list[Change]:
        return moved(self.changes)

    @property
    def still(self) -> list[Change]:
        return still(self.changes)


@dataclass(frozen=True)
class Source:
    """One source. `letter`, which no other has, begins its keys.

    `permissions` are what a person needs to see any of it, `lanes` what the list can be narrowed to. `find` reads one
    thing by the rest of its key; None where there is no such thing. `revision` is another text whenever anything was
    added. `ids` is what its rows are told apart by.
    """

    letter: str
    permissions: Sequence[str]
    lanes: Mapping[str, str]
    story: Callable[[Environment, Period], Story]
    entries: Callable[[Environment, Slice], list[Entry]]
    revision: Callable[[Environment], str]
    find: Callable[[Environment, str], Chosen | None] = lambda environment, id_: None
    ids: type = int


SOURCES: list[Source] = []


def at_most(most: int, found: Sequence[T], named: str) -> tuple[Sequence[T], list[str]]:
    """The first of what was found, of which one more was asked for, and what to say of the rest: nothing or a line."""
    return found[:most], [f"Only the {named} are drawn."] if len(found) > most else []


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Field by field; a field that only one side has was added or removed."""
    return compare({"": before}, {"": after})  # named by nothing, or compare would take a missing field as left alone


def number(text: str) -> int | None:
    """The id that a hand-edited address may hold; None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Told:
    """The lanes in order with their labels, empty ones too, what was not observed, and what did not fit."""

    lanes: list[Lane]
    labels: Mapping[str, str]
    gaps: list[Gap]
    period: Period
    left_out: list[str]


def tell(environment: Environment, period: Period, now: datetime, sources: Sequence[Source]) -> Told:
    """What was seen of `environment` in `period`; a query for the sweeps beside those of the sources."""
    stories = [source.story(environment, period) for source in sources]
    unseen = gaps(*_sight(environment, period, stories), period, limit())
    seen = [each for story in stories for each in story.seen]
    marks = [each for story in stories for each in story.marks]
    drawn = {lane.name: lane for lane in lanes(seen, observed(unseen, period), period, now, marks)}
    labels = {name: label for story in stories for name, label in story.labels.items()}
    found = [drawn.get(name) or Lane(name, [], []) for name in labels]
    return Told(found, labels, unseen, period, [text for story in stories for text in story.left_out])


def _sight(
    environment: Environment, period: Period, stories: Sequence[Story]
) -> tuple[Sight, list[tuple[datetime | None, datetime | None]]]:
    """When the environment was looked at by itself, and where sweeps are missing."""
    first = environment.first_seen_at
    sighting = getattr(environment, "sighting", None)
    last = max(first, sighting.seen_at) if sighting else first
    looks = [moment for story in stories for moment in story.moments]
    gone = [each for story in stories for each in story.gone]
    start, end = max(first, period.start), min(last, period.end)
    return Sight(first, last, looks, gone), apart(Period(min(start, end), end))
