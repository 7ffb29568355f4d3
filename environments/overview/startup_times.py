"""Startup times of environments, measured only if both ends were observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection

from environments.models import Environment, Field, Phase, Transition
from environments.models.overview import StartUp
from environments.timeline.observed import max_interval

from .top_consumers import names_of

DAYS = 7  # covered by the page
RETENTION = timedelta(days=92)
LOOK_BACK = timedelta(days=1)  # older transitions are ignored; a longer start is not one
BATCH = 5_000  # starts measured at a time
TOP = 6
STARTING = (Phase.CREATING, Phase.STARTING)
SUMMARY = """
    SELECT kind, GROUPING(class_id, project_id), coalesce(class_id, project_id)::text, count(*), count(seconds),
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds), max(uncertain)
    FROM environments_startup WHERE running_at > %s AND running_at <= %s
    GROUP BY GROUPING SETS ((kind), (kind, class_id), (kind, project_id))
"""
BY = {3: "all", 1: "class", 2: "project"}  # the bits of GROUPING: set where a row is not grouped by the column


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """A change of phase: it happened after `after` (None: unknown), by `by`."""

    id: int
    old: str
    new: str
    after: datetime | None
    by: datetime

    def is_seen(self, longest_pause: timedelta) -> bool:
        """Whether the sync observed it closely enough."""
        return self.after is not None and self.by - self.after <= longest_pause


@dataclass(frozen=True, slots=True)
class MeasuredStart:
    """A start: its `seconds` and their uncertainty, None if either end was not observed."""

    change: int
    running_at: datetime
    kind: str = ""
    seconds: float | None = None
    uncertain: float | None = None


def measure(
    changes: Sequence[PhaseChange], created_at: datetime | None, longest_pause: timedelta
) -> Iterator[MeasuredStart]:
    """Every start among the changes of one environment, oldest first.

    `created_at` is Ona's creation time; it counts if the portal observed the creation.
    """
    began: PhaseChange | None = None
    for place, change in enumerate(changes):
        if change.new in STARTING:
            is_going_on = change.old in STARTING and (began is not None or place == 0)
            began = began if is_going_on else change
        elif change.new == Phase.RUNNING and change.old != Phase.UPDATING:
            yield _measured(change, began, changes[0], created_at, longest_pause)
            began = None
        else:
            began = None


def _measured(
    end: PhaseChange,
    began: PhaseChange | None,
    first: PhaseChange,
    created_at: datetime | None,
    longest_pause: timedelta,
) -> MeasuredStart:
    unknown = MeasuredStart(end.id, end.by)
    if end.after is None or not end.is_seen(longest_pause) or end.old not in STARTING:
        return unknown
    late = (end.by - end.after).total_seconds()
    if began is not None and began.after is not None and began.is_seen(longest_pause):
        seconds = (end.by - began.by).total_seconds()
        return MeasuredStart(
            end.id, end.by, StartUp.Kind.STARTED, seconds, max(late, (began.by - began.after).total_seconds())
        )
    if began is None and first.old == Phase.CREATING and created_at is not None and created_at <= end.by:
        return MeasuredStart(end.id, end.by, StartUp.Kind.CREATED, (end.by - created_at).total_seconds(), late)
    return unknown


def record_starts(at: datetime, after: int, until: int) -> None:
    """Record the starts among transitions with ids above `after`, up to `until`; delete old ones."""
    new = Transition.objects.filter(pk__gt=after, pk__lte=until, field=Field.PHASE, new=Phase.RUNNING)
    ids = sorted(set(new.filter(seen_at__gt=at - LOOK_BACK).values_list("environment_id", flat=True)))
    for start in range(0, len(ids), BATCH):
        _record_batch(ids[start : start + BATCH], at, after, until)
    StartUp.objects.filter(running_at__lt=at - RETENTION).delete()


def _record_batch(ids: Sequence[UUID], at: datetime, after: int, until: int) -> None:
    environments = {
        row.pk: row for row in Environment.objects.filter(pk__in=ids).only("created_at", "project_id", "class_id")
    }
    made = []
    for environment_id, changes in _changes(ids, at, until):
        environment = environments[environment_id]
        for start in measure(changes, environment.created_at, max_interval()):
            if start.change > after:
                made.append(_row(start, environment))
    StartUp.objects.bulk_create(made, ignore_conflicts=True)


def _row(start: MeasuredStart, environment: Environment) -> StartUp:
    return StartUp(
        transition_id=start.change, environment_id=environment.pk, kind=start.kind, running_at=start.running_at,
        seconds=start.seconds, uncertain=start.uncertain, project_id=environment.project_id,
        class_id=environment.class_id,
    )  # fmt: skip


def _changes(ids: Sequence[UUID], at: datetime, until: int) -> Iterator[tuple[UUID, list[PhaseChange]]]:
    """The changes of phase of each environment, oldest first, as far back as a start can reach."""
    rows = Transition.objects.filter(environment_id__in=ids, field=Field.PHASE, pk__lte=until)
    rows = rows.filter(seen_at__gt=at - 2 * LOOK_BACK).order_by("environment_id", "pk")
    columns = rows.values_list("environment_id", "pk", "old", "new", "old_seen_at", "seen_at")
    for environment_id, found in groupby(columns.iterator(), key=lambda row: row[0]):
        yield environment_id, [PhaseChange(*row[1:]) for row in found]


def part(at: datetime) -> dict[str, Any]:
    """Count, median and 95th percentile by kind over seven days: in total, by class and by project."""
    with connection.cursor() as cursor:
        cursor.execute(SUMMARY, [at - timedelta(days=DAYS), at])
        rows = cursor.fetchall()
    counts: dict[str, dict[str, dict[str, Any]]] = {"all": {}, "class": {}, "project": {}}
    seen = 0
    for kind, mask, key, total, measured, took, uncertain in rows:
        if BY[mask] == "all":
            seen += total
        if measured:
            figures = {"count": measured, "p50": took[0], "p95": took[1], "uncertain": uncertain}
            counts[BY[mask]].setdefault(key or "", {})[kind] = figures
    most = {by: _top(counts[by]) for by in ("class", "project")}
    names = {by: names_of(by, [row["key"] for row in rows]) for by, rows in most.items()}
    keys = {by: len(counts[by]) for by in most}
    return {"days": DAYS, "seen": seen, "all": counts["all"].get("", {}), "names": names, "keys": keys, **most}


def _top(counts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The keys with the most starts, highest first."""

    def number(figures: Iterable[dict[str, Any]]) -> int:
        return sum(each["count"] for each in figures)

    ranked = sorted(counts.items(), key=lambda pair: (-number(pair[1].values()), pair[0]))
    return [{"key": key, **figures} for key, figures in ranked[:TOP]]
