"""The starts of an environment, part by part: when machine, content, devcontainer and automations were ready.

Each time is only as exact as the syncs beside it: after `earliest`, by `latest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.db.models import Q

from environments.models import Environment, Field, Phase, Transition
from environments.models.overview import StartUp
from environments.timeline.lane_bars import Period
from environments.timeline.transitions_source import TransitionRow
from portal.web.formatting import stands_for_none

PARTS: Mapping[Field, tuple[str, str, str]] = {
    Field.MACHINE: ("Machine", "PHASE_RUNNING", ""),
    Field.CONTENT: ("Content", "CONTENT_PHASE_READY", "CONTENT_PHASE_FAILED"),
    Field.DEVCONTAINER: ("Devcontainer", "PHASE_RUNNING", "PHASE_FAILED"),
    Field.AUTOMATIONS: ("Automations", "CONTENT_PHASE_READY", "CONTENT_PHASE_FAILED"),
}
STARTING = (Phase.CREATING, Phase.STARTING)
GOES_ON = (*STARTING, Phase.RUNNING, Phase.UPDATING)
SHOWN = 5  # starts of a period
COMPARED, LONGEST = 30, timedelta(hours=1)  # starts that "typical" is the median of, and how long one can take
SINCE = timedelta(days=30)
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class StartPart:
    """When a part was ready, or had failed, after the start began; `typical` is the median of others, if known."""

    name: str
    outcome: str
    earliest: timedelta
    latest: timedelta
    typical: timedelta | None = None

    @property
    def middle(self) -> timedelta:
        return (self.earliest + self.latest) / 2


@dataclass(frozen=True, slots=True)
class Start:
    """A start that began after `after` (None: unknown) and by `by`; the same if Ona reported the time."""

    key: int
    after: datetime | None
    by: datetime
    parts: tuple[StartPart, ...]
    compared: int = 0

    @property
    def latest(self) -> timedelta:
        return max((part.latest for part in self.parts), default=NOTHING)


def find_starts(
    rows: Iterable[TransitionRow], reported: datetime | None = None, created: datetime | None = None
) -> list[Start]:
    """The starts among the transitions of one environment, oldest first. Pure.

    `reported` is Ona's time of its last, `created` that of its creation, which no transition tells.
    """
    observations = _observations(rows)
    first = next((row for _, together in observations for row in together if row.field == Field.PHASE), None)
    if created and (stands_for_none(created) or (first and created > first.seen_at)):
        created = None
    is_within = created is not None and first is not None and first.old == Phase.CREATING
    starts: list[list[TransitionRow]] = []
    if is_within and first:
        starts.append([first._replace(old="", new=first.old, old_seen_at=created, seen_at=created or first.seen_at)])
    for _, together in observations:
        phase, was_within = next((row for row in together if row.field == Field.PHASE), None), is_within
        if phase is not None:
            begins = phase.new in GOES_ON and phase.old not in GOES_ON
            is_within = begins or (is_within and phase.new in GOES_ON)
            if begins:
                starts.append([phase])
        if is_within or was_within:  # what ends a start may be seen with its end
            starts[-1] += [row for row in together if row is not starts[-1][0]]
    return [_start(began, rest, reported) for began, *rest in starts]


def _observations(rows: Iterable[TransitionRow]) -> list[tuple[datetime, list[TransitionRow]]]:
    """What was seen to change at the same time, in order."""
    found: dict[datetime, list[TransitionRow]] = {}
    for row in rows:
        found.setdefault(row.seen_at, []).append(row)
    return sorted(found.items())


def _start(began: TransitionRow, rest: Sequence[TransitionRow], reported: datetime | None) -> Start:
    after, by = began.old_seen_at, began.seen_at
    if reported and reported <= by and (after is None or reported >= after):
        after = by = reported
    parts = (_part(field, rest, after or by, by) for field in PARTS)
    return Start(began.id, after, by, tuple(part for part in parts if part))


def _part(field: Field, rest: Sequence[TransitionRow], after: datetime, by: datetime) -> StartPart | None:
    """None for a part that was not seen to come up."""
    name, ready, failed = PARTS[field]
    row = next((row for row in rest if row.field == field and row.new in (ready, failed) and row.new), None)
    if row is None:
        return None
    earliest = max((row.old_seen_at or row.seen_at) - by, NOTHING)
    return StartPart(name, "ready" if row.new == ready else "failed", earliest, max(row.seen_at - after, NOTHING))


def read_starts(environment: Environment, period: Period) -> list[Start]:
    """The newest starts of a period, each with what is typical; four queries."""
    own = Transition.objects.filter(environment=environment, field__in=(Field.PHASE, *PARTS))
    rows = own.filter(seen_at__gte=period.start, seen_at__lte=period.end).order_by("seen_at", "id")
    found = find_starts(_read(rows), environment.last_started_at, environment.created_at)[::-1][:SHOWN]
    if not found:
        return []
    typical, compared = _typical(environment, period.end)
    return [_beside(start, typical, compared) for start in found]


def _read(rows: Iterable[Transition]) -> list[TransitionRow]:
    return [TransitionRow(row.pk, row.field, row.old, row.new, row.old_seen_at, row.seen_at) for row in rows]


def _beside(start: Start, typical: Mapping[str, timedelta], compared: int) -> Start:
    parts = tuple(replace(part, typical=typical.get(part.name)) for part in start.parts)
    return replace(start, parts=parts, compared=compared)


def _with_creations(by_environment: Mapping[UUID, Sequence[Transition]]) -> list[Start]:
    created = dict(Environment.objects.filter(pk__in=by_environment).values_list("pk", "created_at"))
    return [start for pk, rows in by_environment.items() for start in find_starts(_read(rows), created=created.get(pk))]


def _typical(environment: Environment, at: datetime) -> tuple[dict[str, timedelta], int]:
    """Of each part the median of other environments' starts of the same class and project, and of how many."""
    alike = StartUp.objects.filter(class_id=environment.class_id, project_id=environment.project_id)
    alike = alike.filter(running_at__gt=at - SINCE, running_at__lte=at).exclude(environment_id=environment.pk)
    others = list(alike.order_by("-running_at").values_list("environment_id", "running_at")[:COMPARED])
    if not others:
        return {}, 0
    times = Q(pk__in=())
    for other, running_at in others:
        times |= Q(environment_id=other, seen_at__gt=running_at - LONGEST, seen_at__lte=running_at + LONGEST)
    by_environment: dict[UUID, list[Transition]] = {}
    for row in Transition.objects.filter(times, field__in=(Field.PHASE, *PARTS)).order_by("seen_at", "id"):
        by_environment.setdefault(row.environment_id, []).append(row)
    starts = _with_creations(by_environment)
    seconds: dict[str, list[float]] = {}
    for part in (part for start in starts for part in start.parts if part.outcome == "ready"):
        seconds.setdefault(part.name, []).append(part.middle.total_seconds())
    return {name: timedelta(seconds=median(each)) for name, each in seconds.items()}, len(starts)
