"""From what was seen to bars: one lane for each thing, one bar for each state it was seen in. Pure.

A bar never covers a time that was not observed, bars of a lane never overlap, and together they cover all of the
observed time from the lane's first sight on.
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


class Seen(NamedTuple):
    """A state that a lane came to be in, after `after` and by `at`; `value` None: there is nothing any more.

    `after` None: exactly then, or before the first sight. `key` names what tells more of it (see `sources`), `url` a
    page of its own.
    """

    lane: str
    value: str | None
    at: datetime
    after: datetime | None = None
    key: str = ""
    url: str = ""


class Bar(NamedTuple):
    """What of a state lies within an observed time. Before `certain_from` it may still have been the one before.

    `seen` is the whole of it; `until` when the next state was first seen, None where that is not known.
    """

    start: datetime
    certain_from: datetime
    end: datetime
    seen: Seen
    until: datetime | None

    @property
    def value(self) -> str:
        return self.seen.value or ""


class Mark(NamedTuple):
    """Something that has no length. `kind` is its sign, `after` as in `Seen`."""

    lane: str
    kind: str
    at: datetime
    label: str
    after: datetime | None = None
    key: str = ""
    url: str = ""


class Lane(NamedTuple):
    """The bars in their order, and the marks in theirs."""

    name: str
    bars: list[Bar]
    marks: list[Mark]


# A state from when it may have begun, for certain from when, to when the next one may have, and by when it had.
_Span = tuple[datetime, datetime, datetime, Seen, datetime | None]


def lanes(
    transitions: Iterable[Seen],
    observed_periods: Iterable[Period],
    period: Period,
    now: datetime,
    marks: Iterable[Mark] = (),
) -> list[Lane]:
    """The lanes in the order in which they first occur, cut to the period, to what was observed, and to now.

    A lane begins with its first state: what comes before it in `period` was no part of it.
    """
    window = Period(period.start, min(period.end, now))
    observed = merged(cut(observed_periods, window))
    found: dict[str, Lane] = {}
    seen: dict[str, list[Seen]] = {}
    for each in transitions:
        found.setdefault(each.lane, Lane(each.lane, [], []))
        seen.setdefault(each.lane, []).append(each)
    for name, states in seen.items():
        found[name].bars.extend(_bars(states, observed, now))
    for mark in sorted(marks, key=lambda mark: mark.at):
        if window.start <= mark.at <= window.end:
            found.setdefault(mark.lane, Lane(mark.lane, [], [])).marks.append(mark)
    return list(found.values())


def cut(periods: Iterable[Period], window: Period) -> Iterator[Period]:
    """What of the periods lies in the window."""
    for each in periods:
        start, end = max(each.start, window.start), min(each.end, window.end)
        if start < end:
            yield Period(start, end)


def merged(periods: Iterable[Period]) -> list[Period]:
    """In order, those that touch or overlap as one."""
    found: list[Period] = []
    for each in sorted(periods, key=lambda period: period.start):
        if found and each.start <= found[-1].end:
            found[-1] = Period(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def without(periods: Sequence[Period], taken: Iterable[Period]) -> list[Period]:
    """What is left of the periods, which are in order and apart, once the others are taken away."""
    left = list(periods)
    for hole in merged(taken):
        pieces = []
        for each in left:
            before, after = (each.start, min(each.end, hole.start)), (max(each.start, hole.end), each.end)
            pieces += [Period(*ends) for ends in (before, after) if ends[0] < ends[1]]
        left = pieces
    return left


def _bars(states: Iterable[Seen], observed: Sequence[Period], now: datetime) -> Iterator[Bar]:
    """Each state where it was observed; `observed` is in order, without overlaps."""
    ends = [period.end for period in observed]
    for begin, certain_from, until, seen, followed in _spans(states, now):
        for place in range(bisect_right(ends, begin), len(observed)):
            start, end = observed[place]
            if begin >= start and until <= end:  # of thousands, nearly all: quicker than what cuts the others
                yield Bar(begin, certain_from if certain_from < until else until, until, seen, followed)
                break
            start, end = max(begin, start), min(until, end)
            if start >= end:
                break
            yield Bar(start, min(max(certain_from, start), end), end, seen, followed)


def _spans(states: Iterable[Seen], now: datetime) -> Iterator[_Span]:
    """The states one after the other, each beginning where the one before it ends."""
    ordered = sorted(states, key=lambda seen: seen.at)
    starts = [seen.at if seen.after is None else min(seen.after, seen.at) for seen in ordered]
    for place in range(1, len(ordered)):
        starts[place] = max(starts[place], ordered[place - 1].at)
    for place, seen in enumerate(ordered):
        is_last = place + 1 == len(ordered)
        end = max(now, seen.at) if is_last else starts[place + 1]
        if seen.value is not None and starts[place] < end:
            yield starts[place], seen.at, end, seen, None if is_last else ordered[place + 1].at
