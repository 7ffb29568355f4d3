"""Sources of a timeline: each contributes to the picture and supplies entries of the list.

This app's sources are `transitions_source`, `specification_versions`, `operations_source` and `audit_log_source`. Other
apps add theirs to SOURCES (automations.registration).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q

from environments.models import Environment
from environments.timeline.lane_bars import Lane, Mark, ObservedState, Period, build_lanes
from environments.timeline.observed import (
    Gap,
    ObservationTimes,
    find_gaps,
    find_outages,
    max_interval,
    observed_periods,
)
from portal.ledger.diff import Change, compare, moved, still
from portal.ledger.rows import Row

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source contributes to the picture. `labels` are its lanes in order, empty ones too.

    `times` are when the environment was observed individually, `gone` when it was deleted; `left_out` reports in
    sentences what was not drawn.
    """

    labels: Mapping[str, str]
    seen: Sequence[ObservedState] = ()
    marks: Sequence[Mark] = ()
    times: Sequence[datetime] = ()
    gone: Sequence[Period] = ()
    left_out: Sequence[str] = ()


class Place(NamedTuple):
    """A place in the list, which is sorted by these three, newest first."""

    at: datetime
    letter: str
    id: int | UUID


@dataclass(frozen=True, slots=True)
class Slice:
    """A request for entries: at most `limit` of `period`, after the place `after`, of one lane or all."""

    period: Period
    lane: str
    after: Place | None
    limit: int

    def query(self, letter: str, column: str) -> Q:
        """The condition on a source's rows, whose time is in `column`."""
        within = Q(**{f"{column}__gte": self.period.start, f"{column}__lte": self.period.end})
        if self.after is None:
            return within
        at, theirs, id_ = self.after
        if letter != theirs:
            return within & Q(**{f"{column}__{'lte' if letter < theirs else 'lt'}": at})
        return within & (Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": id_}))


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the list. `kind` is how `old` and `new` are formatted: phase, time or text; None: no such value."""

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
class Selection:
    """The selected item: when it happened, what it changed field by field, and its likely cause.

    `origin` is who made it, if known; `links` are URLs with their texts. `is_first`: nothing was observed before,
    `changes` are all fields then, and `specification` those of the specification. `kept` says what is stored of such
    items.
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
    """One source. Its keys begin with `letter`, which is unique.

    `permissions` are required to see any of it; `lanes` are what the list can be restricted to. `find` reads one item
    by the rest of its key, or returns None. `change_token` changes whenever anything was added. `ids` is the type of
    its row ids.
    """

    letter: str
    permissions: Sequence[str]
    lanes: Mapping[str, str]
    contribute: Callable[[Environment, Period], Contribution]
    entries: Callable[[Environment, Slice], list[Entry]]
    change_token: Callable[[Environment], str]
    find: Callable[[Environment, str], Selection | None] = lambda environment, id_: None
    ids: type = int


SOURCES: list[Source] = []


def take_first(most: int, rows: Sequence[T], named: str) -> tuple[Sequence[T], list[str]]:
    """The first `most` rows of one more than that, and a line about those left out, if any."""
    return rows[:most], [f"Only the {named} are drawn."] if len(rows) > most else []


def compare_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Compare field by field; a field of only one side was added or removed."""
    return compare({"": before}, {"": after})  # named "", or compare would treat a missing field as unchanged


def parse_id(text: str) -> int | None:
    """Parse an id from a URL; None if invalid."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class TimelineData:
    """Everything the picture shows: all lanes in order with their labels, unobserved times, and what was left out."""

    lanes: list[Lane]
    labels: Mapping[str, str]
    gaps: list[Gap]
    period: Period
    left_out: list[str]


def assemble(environment: Environment, period: Period, now: datetime, sources: Sequence[Source]) -> TimelineData:
    """Assemble the timeline of a period from all sources; one query besides theirs."""
    contributions = [source.contribute(environment, period) for source in sources]
    unseen = find_gaps(*_observations(environment, period, contributions), period, max_interval())
    seen = [each for part in contributions for each in part.seen]
    marks = [each for part in contributions for each in part.marks]
    drawn = {lane.name: lane for lane in build_lanes(seen, observed_periods(unseen, period), period, now, marks)}
    labels = {name: label for each in contributions for name, label in each.labels.items()}
    found = [drawn.get(name) or Lane(name, [], []) for name in labels]
    return TimelineData(found, labels, unseen, period, [text for each in contributions for text in each.left_out])


def _observations(
    environment: Environment, period: Period, contributions: Sequence[Contribution]
) -> tuple[ObservationTimes, list[tuple[datetime | None, datetime | None]]]:
    """When the environment was observed individually, and where full listings are missing."""
    first = environment.first_seen_at
    sighting = getattr(environment, "sighting", None)
    last = max(first, sighting.seen_at) if sighting else first
    times = [at for each in contributions for at in each.times]
    gone = [each for part in contributions for each in part.gone]
    start, end = max(first, period.start), min(last, period.end)
    return ObservationTimes(first, last, times, gone), find_outages(Period(min(start, end), end))
