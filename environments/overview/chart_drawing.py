"""Lay out a chart: stacked steps for observed slots, hatching for the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from portal.web.formatting import duration_words

WIDTH, HEIGHT = 1000, 200  # of the drawing; the page stretches it
LABELLED = 18  # minimum height of a band with a label
NAMED_GAP = 0.14  # minimum share of the width of a gap with a label
TICKS = 6
Values = Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Band:
    """One series: its area as the `d` of an SVG path, and where its label is (None: nowhere)."""

    name: str
    key: str
    place: int
    path: str
    latest: float | None
    label_x: str
    label_y: float | None


@dataclass(frozen=True, slots=True)
class ChartGap:
    """Adjacent unobserved slots."""

    x: float
    width: float
    label_x: str
    has_label: bool


@dataclass(frozen=True, slots=True)
class AxisTick:
    at: float | str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One slot as a row of the table; `values` is empty if it was not observed. Hours are rounded to hundredths."""

    begin: datetime
    observed: float
    hours: int
    values: list[str]
    is_now: bool = False

    @property
    def cells(self) -> SafeString:
        """The values as cells. A template takes ten times as long for the hundreds of a quarter."""
        return format_html_join("", '<td class="text-end">{}</td>', ((value,) for value in self.values))

    @property
    def share(self) -> str:
        return f"{self.observed:g} of {self.hours}"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template renders; `observed` of `hours` hours until now were observed."""

    bands: list[Band]
    gaps: list[ChartGap]
    ticks_y: list[AxisTick]
    ticks_x: list[AxisTick]
    rows: list[TableRow]
    observed: float
    hours: float

    @property
    def observed_words(self) -> str:
        seen, whole = (duration_words(timedelta(hours=hours)) for hours in (self.observed, self.hours))
        return f"{seen} of {whole}"


def draw_chart(data: dict[str, Any]) -> Picture:
    """Lay out a chart as stored by `running_chart.part`."""
    begins = [datetime.fromisoformat(begin) for begin, _, _ in data["slots"]]
    values: list[Values] = [values for _, _, values in data["slots"]]
    top = axis_maximum(max((sum(each) for each in values if each), default=0))
    size = data["hours"]
    rows = [
        TableRow(begin, seen, size, [format_number(value) for value in each or ()])
        for begin, (_, seen, each) in zip(begins, data["slots"], strict=True)
    ]
    if rows and "now" in data:
        rows[-1] = replace(rows[-1], is_now=True)
    return Picture(
        bands=list(_bands(data["series"], values, top)),
        gaps=list(_gaps(values)),
        ticks_y=[AxisTick(_y(top * share / 2, top), format_number(top * share / 2)) for share in (1, 2)],
        ticks_x=_ticks(begins, timedelta(hours=size)),
        rows=rows[::-1],
        observed=sum(row.observed for row in rows),
        hours=_hours_until_now(data, begins),
    )


def _hours_until_now(data: dict[str, Any], begins: Sequence[datetime]) -> float:
    """Of all slots; the last one may not have ended."""
    hours: float = data["hours"] * len(begins)
    elapsed = (datetime.fromisoformat(data["now"]) - begins[0]) / timedelta(hours=1) if "now" in data else hours
    return min(hours, elapsed)


def format_number(value: float) -> str:
    """ "12", "3.4", "1,200": small means with one digit."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def axis_maximum(peak: float) -> int:
    """The lowest of 2, 4, 10, 20, 40, 100… that is not below the peak."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if peak <= step * size:
                return step * size
        size *= 10


def observed_stretches(values: Sequence[Values]) -> Iterator[tuple[int, int]]:
    """The stretches of observed slots, each as its first and the slot after its last."""
    begin = None
    for place, each in enumerate([*values, None]):
        if each is not None and begin is None:
            begin = place
        elif each is None and begin is not None:
            yield begin, place
            begin = None


def _bands(series: Sequence[dict[str, str]], values: Sequence[Values], top: float) -> Iterator[Band]:
    stacked = [[0.0, *accumulate(each)] if each is not None else None for each in values]
    seen = [place for place, each in enumerate(values) if each is not None]
    for place, one in enumerate(series):
        levels = [None if each is None else (each[place], each[place + 1]) for each in stacked]
        areas = (_area(levels[begin:end], begin, len(values), top) for begin, end in observed_stretches(values))
        last = levels[seen[-1]] if seen else None
        is_tall = last is not None and (last[1] - last[0]) / top * HEIGHT >= LABELLED
        yield Band(
            one["name"], one["key"], place, " ".join(filter(None, areas)),
            latest=round(last[1] - last[0], 2) if last else None,
            label_x=f"{(seen[-1] + 1) / len(values):.2%}" if seen else "0%",
            label_y=_y((last[0] + last[1]) / 2, top) + 4 if last and is_tall else None,
        )  # fmt: skip


def _area(levels: Sequence[tuple[float, float] | None], begin: int, count: int, top: float) -> str:
    """One stretch of a band: along its upper edge, and back along the lower."""
    known = [level for level in levels if level is not None]
    if not any(high > low for low, high in known):
        return ""
    x = [round((begin + place) * WIDTH / count, 1) for place in range(len(known) + 1)]
    there = "".join(f"V{_y(high, top)}H{x[place + 1]}" for place, (_, high) in enumerate(known))
    back = "".join(f"V{_y(known[place][0], top)}H{x[place]}" for place in reversed(range(len(known))))
    return f"M{x[0]} {_y(known[0][0], top)}{there}{back}Z"


def _gaps(values: Sequence[Values]) -> Iterator[ChartGap]:
    missing: list[Values] = [None if each is not None else () for each in values]
    for begin, end in observed_stretches(missing):
        share = (end - begin) / len(values)
        middle = (begin + end) / 2 / len(values)
        yield ChartGap(begin * WIDTH / len(values), share * WIDTH, f"{middle:.2%}", share >= NAMED_GAP)


def _ticks(begins: Sequence[datetime], size: timedelta) -> list[AxisTick]:
    """Some times on the axis: hours of a day, else dates."""
    step = max(1, -(-len(begins) // TICKS))
    shape = "%H:%M" if size * len(begins) <= timedelta(days=1) else "%-d %b"
    places = range(0, len(begins), step)
    return [AxisTick(f"{place / len(begins):.2%}", f"{begins[place]:{shape}}", "start") for place in places]


def _y(value: float, top: float) -> float:
    return round(HEIGHT - value / top * HEIGHT, 1)
