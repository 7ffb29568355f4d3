"""Observed running time, summed by day, owner, project and class.

Only certain time counts: from the first observation of an environment running until the last. A pause of the sync adds
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from environments.models import Phase
from environments.models.overview import RunningTime
from portal.lists.readers import NONE

from .observed_time import observed_periods

DAYS = 7  # covered by the page
KEYS = {"owner": "creator_id", "project": "project_id", "class": "class_id"}
# The changes of phase within the period, each with when the state before was last certain, and the environments that
# ran all the time. None ran before it was first observed or restored.
ADD = f"""
    WITH moved AS (
        SELECT environment_id, old, new, coalesce(old_seen_at, seen_at) AS left_at, seen_at,
            lead(coalesce(old_seen_at, seen_at)) OVER by_id AS next_left_at, lag(id) OVER by_id IS NULL AS is_first
        FROM environments_transition
        WHERE id > %(after)s AND id <= %(until)s AND field = 'phase'
        WINDOW by_id AS (PARTITION BY environment_id ORDER BY id)
    ),
    back AS (
        SELECT environment_id AS id, max(seen_at) AS back_at
        FROM environments_transition
        WHERE id > %(after)s AND id <= %(until)s AND field = 'gone_at' AND new = '' GROUP BY environment_id
    ),
    ran AS (
        SELECT environment_id, greatest(e.first_seen_at, back_at) AS begin_at, left_at AS end_at
        FROM moved JOIN environments_environment e ON e.id = environment_id LEFT JOIN back ON back.id = environment_id
        WHERE is_first AND old = %(running)s
        UNION ALL
        SELECT environment_id, seen_at,
            coalesce(next_left_at, CASE WHEN e.gone_at IS NULL THEN %(end)s ELSE seen_at END)
        FROM moved JOIN environments_environment e ON e.id = environment_id WHERE new = %(running)s
        UNION ALL
        SELECT id, greatest(first_seen_at, back_at), %(end)s FROM environments_environment LEFT JOIN back USING (id)
        WHERE gone_at IS NULL AND phase = %(running)s AND id NOT IN (SELECT environment_id FROM moved)
    ),
    spent AS (
        SELECT e.creator_id, e.project_id, e.class_id,
            extract(epoch FROM least(end_at, %(end)s) - greatest(begin_at, %(begin)s)) AS seconds
        FROM ran JOIN environments_environment e ON e.id = environment_id
        WHERE least(end_at, %(end)s) > greatest(begin_at, %(begin)s)
    )
    INSERT INTO environments_runningtime AS r (day, dimension, key, seconds)
    SELECT %(day)s, CASE GROUPING({", ".join(KEYS.values())})
            {" ".join(f"WHEN {7 - (4 >> place)} THEN '{name}'" for place, name in enumerate(KEYS))} END,
        coalesce({", ".join(f"{column}::text" for column in KEYS.values())}, ''), sum(seconds)
    FROM spent GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in KEYS.values())})
    UNION ALL SELECT %(day)s, 'observed', '', extract(epoch FROM %(end)s - %(begin)s)
    ON CONFLICT (day, dimension, key) DO UPDATE SET seconds = r.seconds + excluded.seconds
"""  # noqa: S608 (constants of this module)


def add_running_time(begin: datetime, end: datetime, after: int, until: int) -> None:
    """Add the running time between two look-backs, given the transitions between: ids above `after`, up to `until`."""
    with connection.cursor() as cursor:
        for seen in observed_periods(begin, end):
            for day_begin, day_end in split_days(seen.start, seen.end):
                period = {"begin": day_begin, "end": day_end, "day": day_begin.astimezone(UTC).date()}
                cursor.execute(ADD, {**period, "after": after, "until": until, "running": Phase.RUNNING})


def split_days(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Split the period at midnights (UTC)."""
    while begin < end:
        midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        yield begin, min(midnight, end)
        begin = midnight


@dataclass(frozen=True, slots=True)
class Day:
    """How long environments ran on a day, in total, and how long the sync observed; in seconds."""

    day: date
    seconds: float
    observed: float


def first_day() -> date:
    """The first of the last days, today included."""
    return timezone.now().astimezone(UTC).date() - timedelta(days=DAYS - 1)


def days_of(by: str, *identities: str) -> list[Day]:
    """The last days of these owners, projects or classes together, or of all if `by` is empty; newest first."""
    stored = RunningTime.objects.filter(day__gte=first_day())
    keys = ["" if identity == NONE else identity for identity in identities]  # as stored figures have it
    own = stored.filter(dimension=by, key__in=keys) if by else stored.filter(dimension="owner")
    spent = dict(own.order_by("day").values_list("day").annotate(Sum("seconds")))
    observed = stored.filter(dimension=RunningTime.OBSERVED).order_by("-day").values_list("day", "seconds")
    return [Day(day, spent.get(day, 0), seconds) for day, seconds in observed]


def totals(at: datetime) -> dict[str, dict[str, float]]:
    """Seconds by dimension and key over the last seven days, including today."""
    since = at.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    found: dict[str, dict[str, float]] = {name: {} for name in (*KEYS, RunningTime.OBSERVED)}
    rows = RunningTime.objects.filter(day__gte=since, day__lte=at.astimezone(UTC).date())
    for dimension, key, seconds in rows.values_list("dimension", "key").annotate(Sum("seconds")).order_by():
        found.setdefault(dimension, {})[key] = seconds
    return found
