"""Counts of environments by condition, phase, project, class and owner: now and before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count

from environments.models import Environment, EnvironmentQuerySet, Phase
from environments.models.overview import Snapshot

from .alerts import CONDITIONS, RARE

Counts = dict[str, int]
HOUR = timedelta(hours=1)
LATELY = 24  # hours
BEFORE = {"yesterday": timedelta(days=1), "last week": timedelta(days=7)}
GROUPS = {"phase": "phase", "project": "project_id", "class": "class_id", "owner": "creator_id"}
GROUPED = f"""
    SELECT GROUPING({", ".join(GROUPS.values())}), {", ".join(f"{column}::text" for column in GROUPS.values())},
        count(*), count(*) FILTER (WHERE phase = %s)
    FROM environments_environment WHERE gone_at IS NULL
    GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in GROUPS.values())})
"""  # noqa: S608 (constants of this module)


@dataclass
class Census:
    """Counts by condition, and by phase, project, class and owner ("" for none), in total and running."""

    conditions: Counts
    groups: dict[str, Counts] = field(default_factory=lambda: {name: {} for name in GROUPS})
    running: dict[str, Counts] = field(default_factory=lambda: {name: {} for name in GROUPS})


def count_all(at: datetime) -> Census:
    """Count the present environments as of `at`, in three queries."""
    census = Census(count_conditions(at, Environment.objects.present().order_by()))
    with connection.cursor() as cursor:
        cursor.execute(GROUPED, [Phase.RUNNING])
        for mask, *values, total, running in cursor.fetchall():
            # GROUPING has a bit per column, highest first, which is set if the row is not grouped by it
            place = next(at for at in range(len(GROUPS)) if not mask >> (len(GROUPS) - 1 - at) & 1)
            name, key = list(GROUPS)[place], values[place] or ""
            census.groups[name][key] = total
            if running:
                census.running[name][key] = running
    return census


def count_conditions(at: datetime, environments: EnvironmentQuerySet) -> Counts:
    """Count the conditions in two queries: those in an index, and those that need the rows."""
    counts: Counts = {}
    for names in ([name for name in CONDITIONS if name not in RARE], list(RARE)):
        asked = {f"n{number}": Count("pk", filter=CONDITIONS[name].as_of(at)) for number, name in enumerate(names)}
        counts |= dict(zip(names, environments.aggregate(**asked).values(), strict=True))
    return {name: counts[name] for name in CONDITIONS}


def hour_of(at: datetime) -> datetime:
    """The start of the hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def store_snapshot(at: datetime, census: Census) -> None:
    """Store the counts for the hour of `at`, replacing those of an earlier listing in that hour."""
    dimensions = {
        Snapshot.Dimension.CONDITION: census.conditions,
        Snapshot.Dimension.PHASE: census.groups["phase"],
        Snapshot.Dimension.PROJECT: census.running["project"],
        Snapshot.Dimension.CLASS: census.running["class"],
    }
    Snapshot.objects.bulk_create(
        [Snapshot(hour=hour_of(at), dimension=name, at=at, counts=counts) for name, counts in dimensions.items()],
        update_conflicts=True, unique_fields=["dimension", "hour"], update_fields=["at", "counts"],
    )  # fmt: skip


def part(at: datetime, census: Census) -> dict[str, Any]:
    """The counts for the page: now, a day and a week before (None: not observed)."""
    dimensions = (Snapshot.Dimension.CONDITION, Snapshot.Dimension.PHASE)
    hours = [hour_of(at - delay) + near for delay in BEFORE.values() for near in (-HOUR, 0 * HOUR, HOUR)]
    snapshots = list(Snapshot.objects.filter(dimension__in=dimensions, hour__in=hours))
    return {
        "condition": census.conditions,
        "phase": census.groups["phase"],
        "lately": _lately(at),
        "before": {
            name: {dimension: _as_json(nearest(snapshots, dimension, at - delay)) for dimension in dimensions}
            for name, delay in BEFORE.items()
        },
    }


def _lately(at: datetime) -> dict[str, list[Counts | None]]:
    """The counts of each of the last 24 hours by dimension, oldest first (None: not counted)."""
    hours = [hour_of(at) - back * HOUR for back in reversed(range(LATELY))]
    found: dict[str, dict[datetime, Counts]] = {Snapshot.Dimension.CONDITION: {}, Snapshot.Dimension.PHASE: {}}
    rows = Snapshot.objects.filter(dimension__in=found, hour__gte=hours[0], hour__lte=hours[-1])
    for dimension, hour, counts in rows.values_list("dimension", "hour", "counts"):
        found[dimension][hour] = counts
    return {dimension: [counts.get(hour) for hour in hours] for dimension, counts in found.items()}


def nearest(snapshots: Iterable[Snapshot], dimension: str, at: datetime) -> Snapshot | None:
    """The snapshot closest to `at`; None if there is none within an hour."""
    near = [each for each in snapshots if each.dimension == dimension and abs(each.at - at) <= HOUR]
    return min(near, key=lambda each: abs(each.at - at), default=None)


def _as_json(snapshot: Snapshot | None) -> Mapping[str, Any] | None:
    return {"at": snapshot.at.isoformat(), "counts": snapshot.counts} if snapshot else None
