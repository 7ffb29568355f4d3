"""The overview's charts, from what is stored: environments over time, and running time by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from environments.as_of.clock import written
from environments.overview.presentation import list_url, series_urls
from environments.overview.running_chart import EXCLUDED_PHASES, OTHERS
from environments.overview.running_time import Day
from portal.web.charts.chart import NOT_OBSERVED, Chart, Point, Series, number_words, seconds_words
from portal.web.formatting import duration_words, phase_word

HOUR = timedelta(hours=1)
UP = " ".join(f"-phase:{phase_word(phase)}" for phase in EXCLUDED_PHASES)


def running(data: Mapping[str, Any], by: str) -> Chart:
    """Environments over time, as `running_chart.part` stores them; without what there was none of."""
    data = _seen(data)
    points = [_point(data, by, place) for place in range(len(data["slots"]))]
    return Chart(
        "running", "Running over time", f"Observed: {observed_words(data)}.", _series(data, by), points, "From (UTC)",
        more=("Hours observed",), is_continuous=True, is_newest_first=True,
    )  # fmt: skip


def _seen(data: Mapping[str, Any]) -> dict[str, Any]:
    counted = [values for _, _, values in data["slots"] if values is not None]
    there = [place for place in range(len(data["series"])) if any(values[place] for values in counted)]
    slots = [
        (begin, observed, None if values is None else [values[place] for place in there])
        for begin, observed, values in data["slots"]
    ]
    return {**data, "series": [data["series"][place] for place in there], "slots": slots}


def _point(data: Mapping[str, Any], by: str, place: int) -> Point:
    (said, observed, values), hours = data["slots"][place], data["hours"]
    begin, is_now = datetime.fromisoformat(said), "now" in data and place == len(data["slots"]) - 1
    is_day = hours * len(data["slots"]) <= 24
    return Point(
        "now" if is_now else f"{begin:%Y-%m-%d %H:%M}", values, f"{begin:{'%H:%M' if is_day else '%-d %b'}}",
        "" if values is None else _list_url(by, None if is_now else begin + hours * HOUR),
        more=(f"{observed:g} of {hours}",),
    )  # fmt: skip


def _list_url(by: str, end: datetime | None) -> str:
    """The environments at the end of a column; None: as they are now."""
    return list_url(as_of=written(end) if end else "", **({"q": UP} if by == "phase" else {"phase": "running"}))


def _series(data: Mapping[str, Any], by: str) -> list[Series]:
    """With their present lists, and the newest of their values that were observed."""
    newest: Sequence[float] | None = next(
        (values for _, _, values in reversed(data["slots"]) if values is not None), None
    )
    urls = series_urls(by, [each["key"] for each in data["series"] if each["key"] != OTHERS])
    return [
        Series(each["name"], urls.get(each["key"], ""), NOT_OBSERVED if newest is None else number_words(newest[place]))
        for place, each in enumerate(data["series"])
    ]


def observed_words(data: Mapping[str, Any]) -> str:
    """How much of the time until now was observed: "5 d 22 h of 7 d"."""
    hours = data["hours"] * len(data["slots"])
    if "now" in data:
        hours = min(hours, (datetime.fromisoformat(data["now"]) - datetime.fromisoformat(data["slots"][0][0])) / HOUR)
    seen = sum(observed for _, observed, _ in data["slots"])
    return f"{duration_words(seen * HOUR)} of {duration_words(hours * HOUR)}"


def running_time(days: Sequence[Day], first: date, count: int) -> Chart:
    """Running time by day, oldest first; days that were not observed are hatched."""
    known = {each.day: each for each in days}
    points = [_of_day(known.get(day), day) for day in (first + timedelta(days=place) for place in range(count))]
    total, observed = sum(day.seconds for day in days), sum(day.observed for day in days)
    summary = f"{seconds_words(total)} in {count} days; observed: {seconds_words(observed)}."
    return Chart(
        "days", "Running time by day", summary, [Series("Running time")], points, "Day (UTC)", more=("Observed",),
        measure=seconds_words, is_newest_first=True,
    )  # fmt: skip


def _of_day(known: Day | None, day: date) -> Point:
    return Point(
        f"{day:%Y-%m-%d}", (known.seconds,) if known else None, f"{day:%-d %b}",
        more=(seconds_words(known.observed if known else 0),),
    )  # fmt: skip
