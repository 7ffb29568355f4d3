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


def counts_by_day(kinds: Kinds, ahead: Ahead, now: datetime) -> list[tuple[date, list[int]]]:
    """Of each kind, how many come on each of the next days; `ahead` has the numbers by status, `kinds` the statuses of
    each."""
    days = [(begin_of(now) + timedelta(days=number)).date() for number in range(DAYS)]
    of_kinds = [[ahead.get(status, {}) for status in statuses] for statuses in kinds.values()]
    return [(day, [sum(each.get(day, 0) for each in kind) for kind in of_kinds]) for day in days]


def forecast(kinds: Kinds, ahead: Ahead, now: datetime, place: Place) -> Chart | None:
    """`counts_by_day`, drawn; `place` is the audit. None if there are none."""
    days = counts_by_day(kinds, ahead, now)
    totals = [sum(numbers) for _, numbers in days]
    if not any(totals):
        return None
    points = [_point(kinds, day, numbers, place) for day, numbers in days]
    summary = f"{sum(totals):,} in {DAYS} days, at most {max(totals):,} a day."
    return Chart("forecast", "Forecast", summary, [Series(kind) for kind in kinds], points, "Day (UTC)")


def _point(kinds: Kinds, day: date, numbers: Sequence[int], place: Place) -> Point:
    return Point(
        f"{day:%Y-%m-%d}", numbers, f"{day:%-d %b}", _url(place, day) if any(numbers) else "",
        [_url(place, day, statuses) for statuses in kinds.values()],
    )  # fmt: skip


def _url(place: Place, day: date, statuses: Sequence[str] = ()) -> str:
    """The audit with the environments of a day, in these statuses."""
    alone = [pair for pair in place.filters if pair[0] not in ("status", "day")]
    asked = [("day", f"{day:%Y-%m-%d}"), *(("status", status) for status in statuses)]
    return str(replace(place, filters=(*alone, *asked), cursor=""))
