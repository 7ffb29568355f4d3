"""What will happen on each of the next thirty days, as numbers and as the bars that show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

DAYS = 30
HEIGHT = 100  # of the picture, in its own units
STEP = 20  # from bar to bar


@dataclass(frozen=True, slots=True)
class Day:
    """One day: how many of each kind, and where their bars stand, one upon the other."""

    day: date
    counts: tuple[int, ...]
    bars: tuple[Bar, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Bar:
    kind: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`kinds` are the names of the numbers of each day."""

    kinds: tuple[str, ...]
    days: list[Day]
    most: int

    @property
    def total(self) -> int:
        return sum(day.total for day in self.days)

    @property
    def last(self) -> date:
        return self.days[-1].day

    @property
    def width(self) -> int:
        return len(self.days) * STEP


def begin_of(now: datetime) -> datetime:
    """When the first of the days began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def forecast(kinds: Mapping[str, tuple[str, ...]], ahead: Mapping[str, Mapping[date, int]], now: datetime) -> Forecast:
    """Of each kind, how many come on each day; `ahead` has the numbers by status, `kinds` the statuses of each."""
    begin = begin_of(now)
    days = [(begin + timedelta(days=number)).date() for number in range(DAYS)]
    counted = {day: tuple(_sum(ahead, statuses, day) for statuses in kinds.values()) for day in days}
    return draw(tuple(kinds), counted)


def _sum(ahead: Mapping[str, Mapping[date, int]], statuses: tuple[str, ...], day: date) -> int:
    return sum(ahead.get(status, {}).get(day, 0) for status in statuses)


def draw(kinds: tuple[str, ...], counts: Mapping[date, tuple[int, ...]]) -> Forecast:
    """Bars in proportion to the greatest day; what is not nothing can be seen."""
    most = max(map(sum, counts.values()), default=0)
    days = []
    for position, (day, numbers) in enumerate(counts.items()):
        bars, y = [], float(HEIGHT)
        for kind, number in enumerate(numbers):
            height = max(1.0, number / most * HEIGHT) if number else 0.0
            y -= height
            if number:
                bars.append(Bar(kind, position * STEP + 2, round(max(y, 0.0), 2), round(height, 2)))
        days.append(Day(day, numbers, tuple(bars)))
    return Forecast(kinds, days, most)
