"""What will happen on each of the next thirty days, as a chart whose columns lead to the environments of their day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from portal.lists.place import Place
from portal.web.charts.chart import Chart, Point, Series

DAYS = 30
Kinds = Mapping[str, tuple[str, ...]]
Ahead = Mapping[str, Mapping[date, int]]


def begin_of(now: datetime) -> datetime:
    """When the first of the days began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def days_ahead(kinds: Kinds, ahead: Ahead, now: datetime) -> dict[date, list[int]]:
    """Of each kind, how many come on each day; `ahead` has the numbers by status, `kinds` the statuses of each."""
    begin = begin_of(now)
    days = [(begin + timedelta(days=number)).date() for number in range(DAYS)]
    return {
        day: [sum(ahead.get(status, {}).get(day, 0) for status in statuses) for statuses in kinds.values()]
        for day in days
    }


def forecast(kinds: Kinds, ahead: Ahead, now: datetime, place: Place) -> Chart | None:
    """The same as a chart of the audit at `place`; None if there are none."""
    points = [_point(kinds, numbers, day, place) for day, numbers in days_ahead(kinds, ahead, now).items()]
    totals = [sum(point.values or ()) for point in points]
    if not any(totals):
        return None
    summary = f"{sum(totals):,.0f} in {DAYS} days, at most {max(totals):,.0f} a day."
    return Chart("forecast", "Forecast", summary, [Series(kind) for kind in kinds], points, "Day (UTC)")


def _point(kinds: Kinds, numbers: Sequence[int], day: date, place: Place) -> Point:
    return Point(
        f"{day:%Y-%m-%d}", numbers, f"{day:%-d %b}", _url(place, day) if any(numbers) else "",
        [_url(place, day, statuses) for statuses in kinds.values()],
    )  # fmt: skip


def _url(place: Place, day: date, statuses: Sequence[str] = ()) -> str:
    """The audit with the environments of a day, in these statuses."""
    alone = [pair for pair in place.filters if pair[0] not in ("status", "day")]
    asked = [("day", f"{day:%Y-%m-%d}"), *(("status", status) for status in statuses)]
    return str(replace(place, filters=(*alone, *asked), cursor=""))
