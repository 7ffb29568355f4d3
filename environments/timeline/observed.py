"""When an environment was looked at, and when not: what the picture must not claim to know.

A sweep looks at every environment. Between two sweeps that ended well nothing is missed that lasts longer than they lie
apart; where they lie further apart than three times the interval meant, the time between was not observed, unless the
environment was looked at by itself meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.conf import settings
from django.db import connection

from environments.timeline.lanes import Period, cut, without

TOO_LONG = 3  # times the interval of the sweep
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

NEVER = "before the portal first saw it"
OUTAGE = "no sweep ended well"
SINCE = "not looked at since"
GONE = "gone at Ona"

# Where sweeps lie too far apart: the beginning of the one before and the end of the one after, since an environment is
# looked at somewhere within a sweep. A NULL stands for where there is no sweep before, or none after.
APART = """
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
    SELECT started_at, finished_at, lag(started_at) OVER sweeps AS before, lag(finished_at) OVER sweeps AS before_ended
    FROM runs WINDOW sweeps AS (ORDER BY started_at)
)
SELECT before, finished_at FROM spaced WHERE started_at - before_ended > make_interval(secs => %(limit)s)
UNION ALL SELECT NULL, min(finished_at) FROM runs HAVING count(*) = 0 OR min(started_at) > %(start)s
UNION ALL SELECT max(started_at), NULL FROM runs HAVING count(*) = 0 OR max(started_at) < %(end)s
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which nothing is known, and why."""

    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Sight:
    """When an environment was looked at by itself: first, last, and at `moments` between; and when it was gone."""

    first: datetime
    last: datetime
    moments: Sequence[datetime] = ()
    gone: Sequence[Period] = ()


def limit() -> timedelta:
    """How far apart two looks may lie so that the time between counts as observed."""
    return timedelta(seconds=settings.SWEEP_SECONDS) * TOO_LONG


def apart(window: Period) -> list[tuple[datetime | None, datetime | None]]:
    """Where sweeps lie too far apart around `window`, None standing for "from the beginning" and "to the end"; one
    query over an index."""
    with connection.cursor() as cursor:
        cursor.execute(APART, {"start": window.start, "end": window.end, "limit": limit().total_seconds()})
        rows: list[tuple[datetime | None, datetime | None]] = cursor.fetchall()
    return list(dict.fromkeys(rows))


def gaps(
    sight: Sight, unswept: Iterable[tuple[datetime | None, datetime | None]], period: Period, longest: timedelta
) -> list[Gap]:
    """Everything in `period` that was not observed, in order, by the reason. Pure.

    A look by itself divides a time without sweeps; a piece no longer than `longest` counts as observed.
    """
    found = [Gap(LONG_AGO, sight.first, NEVER)] if sight.first > period.start else []
    away = list(cut(sight.gone, Period(LONG_AGO, max(period.end, sight.first))))
    found += [Gap(each.start, each.end, GONE) for each in away]
    life = Period(sight.first, sight.last)
    missed = [piece for hole in unswept for piece in _pieces(hole, sight.moments, life, longest)]
    found += [Gap(each.start, each.end, OUTAGE) for each in _beside(missed, away)]
    if sight.last < period.end:
        rest = [Period(max(sight.last, sight.first), period.end)]
        found += [Gap(each.start, each.end, SINCE) for each in without(rest, away)]
    return sorted(_cut(found, period), key=lambda gap: gap.start)


def observed(gaps_found: Iterable[Gap], period: Period) -> list[Period]:
    """The rest of the period."""
    return without([period], [Period(gap.start, gap.end) for gap in gaps_found])


def _pieces(
    hole: tuple[datetime | None, datetime | None], moments: Sequence[datetime], life: Period, longest: timedelta
) -> Iterator[Period]:
    start, end = max(hole[0] or life.start, life.start), min(hole[1] or life.end, life.end)
    ends = [start, *sorted(moment for moment in moments if start < moment < end), end]
    for before, after in pairwise(ends):
        if after - before > longest:
            yield Period(before, after)


def _beside(periods: Iterable[Period], others: Sequence[Period]) -> Iterator[Period]:
    """What of each lies outside the others, so that no time has two reasons."""
    for each in periods:
        yield from without([each], others)


def _cut(found: Iterable[Gap], period: Period) -> Iterator[Gap]:
    for gap in found:
        start, end = max(gap.start, period.start), min(gap.end, period.end)
        if start < end:
            yield Gap(start, end, gap.why)
