"""How long an environment ran on each of the last days, as far as it was observed: the line on its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from environments.models import Environment, Phase
from environments.overview.observed_time import time_within
from environments.timeline.lane_bars import Period
from environments.timeline.observed import max_interval, observed_periods
from environments.timeline.sources import assemble
from environments.timeline.transitions_source import TRANSITIONS
from portal.web.charts import sparkline

DAYS = 14
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RunningDays:
    """`line` are the points of a sparkline, `total` is the sum of the `observed` days of DAYS."""

    line: str
    total: timedelta
    observed: int
    of: int = DAYS


def running_days(environment: Environment, now: datetime) -> RunningDays | None:
    """Four queries; None where fewer than two days were observed from end to end, as no line shows that."""
    period = Period(now - DAYS * DAY, now)
    drawn = assemble(environment, period, now, [TRANSITIONS])
    running = [
        Period(bar.start, bar.end)
        for lane in drawn.lanes
        if lane.name == "environment"
        for bar in lane.bars
        if bar.value == Phase.RUNNING
    ]
    seen = observed_periods(drawn.gaps, period)
    days: list[timedelta | None] = []
    for number in range(DAYS):
        begin, end = period.start + number * DAY, period.start + (number + 1) * DAY
        is_whole = time_within(seen, begin, end) >= DAY - max_interval()
        days.append(time_within(running, begin, end) if is_whole else None)
    line = sparkline.points([None if each is None else each.total_seconds() for each in days])
    known = [each for each in days if each is not None]
    return RunningDays(line, sum(known, timedelta(0)), len(known)) if line else None
