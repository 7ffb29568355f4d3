"""When an environment was observed, and when not: the picture must not claim more.

A full listing observes every environment. Between two successful listings nothing that lasts longer than their distance
is missed; if they are more than three intervals apart, the time between is unobserved, unless the event stream reported
changes all the while, or the environment was read individually.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.conf import settings
from django.db import connection

from environments.timeline.lane_bars import Period, clip, subtract_periods

TOO_LONG = 3  # times the interval of full listings
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

NEVER = "before the portal first observed it"
OUTAGE = "no sync succeeded"
SINCE = "not observed since"
GONE = "deleted at Ona"

# Where full listings are too far apart: the start of the one before and the end of the one after, since an environment
# is read somewhere within a listing. NULL stands for no listing before, or none after.
OUTAGES = """
WITH ended AS NOT MATERIALIZED (
    SELECT started_at, finished_at FROM environments_syncrun
    WHERE kind = 'environments' AND state = 'succeeded' AND finished_at IS NOT NULL
),
runs AS (
    SELECT started_at, finished_at FROM ended
    WHERE started_at >= coalesce((SELECT max(started_at) FROM ended WHERE started_at <= %(start)s), %(start)s)
        AND started_at <= coalesce((SELECT min(started_at) FROM ended WHERE started_at >= %(end)s), %(end)s)
),
spaced AS (
    SELECT started_at, finished_at,
        lag(started_at) OVER listings AS before, lag(finished_at) OVER listings AS before_ended
    FROM runs WINDOW listings AS (ORDER BY started_at)
)
SELECT before, finished_at FROM spaced WHERE started_at - before_ended > make_interval(secs => %(limit)s)
    AND NOT EXISTS (
        SELECT FROM environments_syncrun stream WHERE stream.kind = 'events' AND stream.finished_at > stream.started_at
            AND stream.started_at <= before_ended + make_interval(secs => %(limit)s)
            AND stream.finished_at >= spaced.started_at - make_interval(secs => %(limit)s)
    )
UNION ALL SELECT NULL, min(finished_at) FROM runs HAVING count(*) = 0 OR min(started_at) > %(start)s
UNION ALL SELECT max(started_at), NULL FROM runs HAVING (count(*) = 0 OR max(started_at) < %(end)s)
    AND NOT EXISTS (
        SELECT FROM environments_syncrun stream WHERE stream.kind = 'events' AND stream.finished_at > stream.started_at
            AND stream.started_at <= max(runs.started_at) + make_interval(secs => %(limit)s)
            AND stream.finished_at >= %(end)s - make_interval(secs => %(limit)s)
    )
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """Unobserved time, and why."""

    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True)
class ObservationTimes:
    """When an environment was observed individually: first, last, and at `times` between; and when it was deleted."""

    first: datetime
    last: datetime
    times: Sequence[datetime] = ()
    gone: Sequence[Period] = ()


def max_interval() -> timedelta:
    """The longest time between two observations that still counts as observed."""
    return timedelta(seconds=settings.SWEEP_SECONDS) * TOO_LONG


def find_outages(window: Period) -> list[tuple[datetime | None, datetime | None]]:
    """Outages around `window`: where full listings are too far apart, None for an open end. One query over an index."""
    with connection.cursor() as cursor:
        cursor.execute(OUTAGES, {"start": window.start, "end": window.end, "limit": max_interval().total_seconds()})
        rows: list[tuple[datetime | None, datetime | None]] = cursor.fetchall()
    return list(dict.fromkeys(rows))


def find_gaps(
    sight: ObservationTimes,
    outages: Iterable[tuple[datetime | None, datetime | None]],
    period: Period,
    longest: timedelta,
) -> list[Gap]:
    """The unobserved times in `period`, sorted, with their reasons. Pure.

    Individual observations split an outage; parts no longer than `longest` count as observed.
    """
    found = [Gap(LONG_AGO, sight.first, NEVER)] if sight.first > period.start else []
    away = list(clip(sight.gone, Period(LONG_AGO, max(period.end, sight.first))))
    found += [Gap(each.start, each.end, GONE) for each in away]
    life = Period(sight.first, sight.last)
    missed = [piece for hole in outages for piece in _unobserved_parts(hole, sight.times, life, longest)]
    found += [Gap(each.start, each.end, OUTAGE) for each in _outside(missed, away)]
    if sight.last < period.end:
        rest = [Period(max(sight.last, sight.first), period.end)]
        found += [Gap(each.start, each.end, SINCE) for each in subtract_periods(rest, away)]
    return sorted(_clip_gaps(found, period), key=lambda gap: gap.start)


def observed_periods(gaps_found: Iterable[Gap], period: Period) -> list[Period]:
    """The rest of the period."""
    return subtract_periods([period], [Period(gap.start, gap.end) for gap in gaps_found])


def _unobserved_parts(
    hole: tuple[datetime | None, datetime | None], times: Sequence[datetime], life: Period, longest: timedelta
) -> Iterator[Period]:
    start, end = max(hole[0] or life.start, life.start), min(hole[1] or life.end, life.end)
    ends = [start, *sorted(at for at in times if start < at < end), end]
    for before, after in pairwise(ends):
        if after - before > longest:
            yield Period(before, after)


def _outside(periods: Iterable[Period], others: Sequence[Period]) -> Iterator[Period]:
    """The parts of the periods outside the others, so that no time has two reasons."""
    for each in periods:
        yield from subtract_periods([each], others)


def _clip_gaps(found: Iterable[Gap], period: Period) -> Iterator[Gap]:
    for gap in found:
        start, end = max(gap.start, period.start), min(gap.end, period.end)
        if start < end:
            yield Gap(start, end, gap.why)
