"""How much of a time was observed: one answer for every figure and picture of the overview."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from environments.timeline.lane_bars import Period, subtract_periods
from environments.timeline.observed import find_outages


def observed_periods(begin: datetime, end: datetime) -> list[Period]:
    """The time without outages of the sync; one query."""
    period = Period(begin, end)
    missed = [Period(start or begin, finish or end) for start, finish in find_outages(period)]
    return subtract_periods([period], missed)


def time_within(periods: Iterable[Period], begin: datetime, end: datetime) -> timedelta:
    """How much of the periods lies between two times."""
    overlaps = (min(each.end, end) - max(each.start, begin) for each in periods)
    return sum((overlap for overlap in overlaps if overlap > timedelta(0)), timedelta(0))
