"""The picture of a chart: stacked steps for what was observed, hatching for what was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 1000, 200  # of the drawing; the page stretches its width
LABELLED = 18  # height from which a band can hold its name
NAMED_GAP = 0.14  # share of the width from which a gap can
TICKS = 6
Values = Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Band:
    """One series: its area as the `d` of an SVG path, and where its name stands in it (None: nowhere)."""

    name: str
    key: str
    place: int
    path: str
    latest: float | None
    label_x: str
    label_y: float | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots side by side in which nothing was observed."""

    x: float
    width: float
    label_x: str
    has_label: bool


@dataclass(frozen=True, slots=True)
class Tick:
    at: float | str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Row:
    """One slot as a line of the table; `values` is empty where it was not observed."""

    begin: datetime
    observed: int
    hours: int
    values: list[str]

    @property
    def cells(self) -> SafeString:
        """The values as cells: a quarter has hundreds, each of which takes a template ten times as long."""
        return format_html_join("", '<td class="text-end">{}</td>', ((value,) for value in self.values))

    @property
    def share(self) -> str:
        return f"{self.observed} of {self.hours}"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws; `observed` of `hours` hours were observed."""

    bands: list[Band]
    gaps: list[Gap]
    ticks_y: list[Tick]
    ticks_x: list[Tick]
    rows: list[Row]
    observed: int
    hours: int


def picture(data: dict[str, Any]) -> Picture:
    """Draw a chart as `charts.part` keeps it."""
    begins = [datetime.fromisoformat(begin) for begin, _, _ in data["slots"]]
    values: list[Values] = [values for _, _, values in data["slots"]]
    top = ceiling(max((sum(each) for each in values if each), default=0))
    size = data["hours"]
    rows = [
        Row(begin, seen, size, [number(value) for value in each or ()])
        for begin, (_, seen, each) in zip(begins, data["slots"], strict=True)
    ]
    return Picture(
        bands=list(_bands(data["series"], values, top)),
        gaps=list(_gaps(values)),
        ticks_y=[Tick(_y(top * share / 2, top), number(top * share / 2)) for share in (1, 2)],
        ticks_x=_ticks(begins, timedelta(hours=size)),
        rows=rows[::-1],
        observed=sum(row.observed for row in rows),
        hours=size * len(rows),
    )


def number(value: float) -> str:
    """ "12", "3.4", "1,200": a mean to one digit where it is small."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def ceiling(peak: float) -> int:
    """The lowest of 2, 4, 10, 20, 40, 100… that the peak stays under."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if peak <= step * size:
                return step * size
        size *= 10


def runs(values: Sequence[Values]) -> Iterator[tuple[int, int]]:
    """The stretches of slots that were observed, each as its first and the one after its last."""
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
        areas = (_area(levels[begin:end], begin, len(values), top) for begin, end in runs(values))
        last = levels[seen[-1]] if seen else None
        is_tall = last is not None and (last[1] - last[0]) / top * HEIGHT >= LABELLED
        yield Band(
            one["name"], one["key"], place, " ".join(filter(None, areas)),
            latest=round(last[1] - last[0], 2) if last else None,
            label_x=f"{(seen[-1] + 1) / len(values):.2%}" if seen else "0%",
            label_y=_y((last[0] + last[1]) / 2, top) + 4 if last and is_tall else None,
        )  # fmt: skip


def _area(levels: Sequence[tuple[float, float] | None], begin: int, count: int, top: float) -> str:
    """One stretch of a band, along its upper edge and back along its lower one."""
    known = [level for level in levels if level is not None]
    if not any(high > low for low, high in known):
        return ""
    x = [round((begin + place) * WIDTH / count, 1) for place in range(len(known) + 1)]
    there = "".join(f"V{_y(high, top)}H{x[place + 1]}" for place, (_, high) in enumerate(known))
    back = "".join(f"V{_y(known[place][0], top)}H{x[place]}" for place in reversed(range(len(known))))
    return f"M{x[0]} {_y(known[0][0], top)}{there}{back}Z"


def _gaps(values: Sequence[Values]) -> Iterator[Gap]:
    missing: list[Values] = [None if each is not None else () for each in values]
    for begin, end in runs(missing):
        share = (end - begin) / len(values)
        middle = (begin + end) / 2 / len(values)
        yield Gap(begin * WIDTH / len(values), share * WIDTH, f"{middle:.2%}", share >= NAMED_GAP)


def _ticks(begins: Sequence[datetime], size: timedelta) -> list[Tick]:
    """Some moments along the axis: hours of a day, else dates."""
    step = max(1, -(-len(begins) // TICKS))
    shape = "%H:%M" if size * len(begins) <= timedelta(days=1) else "%-d %b"
    places = range(0, len(begins), step)
    return [Tick(f"{place / len(begins):.2%}", f"{begins[place]:{shape}}", "start") for place in places]


def _y(value: float, top: float) -> float:
    return round(HEIGHT - value / top * HEIGHT, 1)
