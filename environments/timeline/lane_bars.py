"""Turn observed states into bars: a lane per thing, a bar per state. Pure.

Bars never cover unobserved time and never overlap within a lane; together they cover all observed time from the lane's
first state on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple


class Period(NamedTuple):
    """From `start` to `end`, which is later."""

    start: datetime
    end: datetime


class ObservedState(NamedTuple):
    """A state that a lane entered after `after` and by `at`; `value` None: it no longer exists.

    `after` None: exactly at `at`, or before the first observation. `key` identifies its details (see `source`), `url` a
    page of its own.
    """

    lane: str
    value: str | None
    at: datetime
    after: datetime | None = None
    key: str = ""
    url: str = ""


class Bar(NamedTuple):
    """The part of a state within an observed time. Before `certain_from` it may still be the state before.

    `seen` is the whole state; `until` is when the next one was first observed, or None.
    """

    start: datetime
    certain_from: datetime
    end: datetime
    seen: ObservedState
    until: datetime | None

    @property
    def value(self) -> str:
        return self.seen.value or ""


class Mark(NamedTuple):
    """An event without duration. `kind` is its sign, `after` as in `ObservedState`."""

    lane: str
    kind: str
    at: datetime
    label: str
    after: datetime | None = None
    key: str = ""
    url: str = ""


class Lane(NamedTuple):
    """The bars and the marks of a lane, each in order of time."""

    name: str
    bars: list[Bar]
    marks: list[Mark]


# A state: when it may have begun, when it certainly had, when the next may have, its record, and when the next had.
_Span = tuple[datetime, datetime, datetime, ObservedState, datetime | None]


def build_lanes(
    transitions: Iterable[ObservedState],
    observed_periods: Iterable[Period],
    period: Period,
    now: datetime,
    marks: Iterable[Mark] = (),
) -> list[Lane]:
    """The lanes in order of first occurrence, clipped to the period, to observed time, and to now.

    A lane begins with its first state; earlier time in `period` is not part of it.
    """
    window = Period(period.start, min(period.end, now))
    observed = merge_periods(clip(observed_periods, window))
    found: dict[str, Lane] = {}
    seen: dict[str, list[ObservedState]] = {}
    for each in transitions:
        found.setdefault(each.lane, Lane(each.lane, [], []))
        seen.setdefault(each.lane, []).append(each)
    for name, states in seen.items():
        found[name].bars.extend(_bars(states, observed, now))
    for mark in sorted(marks, key=lambda mark: mark.at):
        if window.start <= mark.at <= window.end:
            found.setdefault(mark.lane, Lane(mark.lane, [], [])).marks.append(mark)
    return list(found.values())


def clip(periods: Iterable[Period], window: Period) -> Iterator[Period]:
    """The parts of the periods within the window."""
    for each in periods:
        start, end = max(each.start, window.start), min(each.end, window.end)
        if start < end:
            yield Period(start, end)


def merge_periods(periods: Iterable[Period]) -> list[Period]:
    """Sort the periods; merge those that touch or overlap."""
    found: list[Period] = []
    for each in sorted(periods, key=lambda period: period.start):
        if found and each.start <= found[-1].end:
            found[-1] = Period(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def subtract_periods(periods: Sequence[Period], taken: Iterable[Period]) -> list[Period]:
    """The periods, sorted and disjoint, without the times in `taken`."""
    left = list(periods)
    for hole in merge_periods(taken):
        pieces = []
        for each in left:
            before, after = (each.start, min(each.end, hole.start)), (max(each.start, hole.end), each.end)
            pieces += [Period(*ends) for ends in (before, after) if ends[0] < ends[1]]
        left = pieces
    return left


def _bars(states: Iterable[ObservedState], observed: Sequence[Period], now: datetime) -> Iterator[Bar]:
    """The observed parts of each state; `observed` is sorted and disjoint."""
    ends = [period.end for period in observed]
    for begin, certain_from, until, seen, followed in _spans(states, now):
        for place in range(bisect_right(ends, begin), len(observed)):
            start, end = observed[place]
            if begin >= start and until <= end:  # nearly all of thousands: quicker than clipping
                yield Bar(begin, certain_from if certain_from < until else until, until, seen, followed)
                break
            start, end = max(begin, start), min(until, end)
            if start >= end:
                break
            yield Bar(start, min(max(certain_from, start), end), end, seen, followed)


def _spans(states: Iterable[ObservedState], now: datetime) -> Iterator[_Span]:
    """The states in order, each beginning where the one before ends."""
    ordered = sorted(states, key=lambda seen: seen.at)
    starts = [seen.at if seen.after is None else min(seen.after, seen.at) for seen in ordered]
    for place in range(1, len(ordered)):
        starts[place] = max(starts[place], ordered[place - 1].at)
    for place, seen in enumerate(ordered):
        is_last = place + 1 == len(ordered)
        end = max(now, seen.at) if is_last else starts[place + 1]
        if seen.value is not None and starts[place] < end:
            yield starts[place], seen.at, end, seen, None if is_last else ordered[place + 1].at
