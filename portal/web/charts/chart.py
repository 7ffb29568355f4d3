"""A chart of columns: what it shows, and the words and the table that say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.web.charts import drawing
from portal.web.formatting import duration_words

NOT_OBSERVED = "not observed"
TICKS = 6  # on the axis, at most


def number_words(value: float) -> str:
    """ "12", "3.4", "1,200": small means with one digit."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def seconds_words(value: float) -> str:
    """Seconds as a duration."""
    return duration_words(timedelta(seconds=value))


@dataclass(frozen=True, slots=True)
class Series:
    """One of the values that each point has. `url` leads to its list, `note` stands beside its name in the legend; a
    `tone` of portal.css gives it a colour that means something."""

    name: str
    url: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One column. `values` are in the order of the series (None: not observed); `url` leads to its list, `urls` to
    those of its values; `label` stands on the axis, `more` in the table's further columns."""

    title: str
    values: Sequence[float] | None
    label: str = ""
    url: str = ""
    urls: Sequence[str] = ()
    more: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns over time. `name` begins the ids of its elements, `summary` says it in a sentence; `measure` writes a
    value, `first` and `more` head the table's columns. The columns of a continuous one touch; the series of one that
    compares stand beside each other, not on each other."""

    name: str
    title: str
    summary: str
    series: Sequence[Series]
    points: Sequence[Point]
    first: str
    more: Sequence[str] = ()
    measure: Callable[[float], str] = number_words
    is_continuous: bool = False
    compares: bool = False
    is_newest_first: bool = False

    @property
    def top(self) -> float:
        """The value at the top of the axis."""
        whole = max if self.compares else sum
        peak = max((whole(point.values) for point in self.points if point.values), default=0)
        return drawing.top_of_seconds(peak) if self.measure is seconds_words else drawing.axis_maximum(peak)

    @property
    def values(self) -> list[Sequence[float] | None]:
        return [point.values for point in self.points]

    @property
    def ticks_y(self) -> list[str]:
        """From the top to zero."""
        top = self.top
        return [self.measure(top), self.measure(top / 2), "0"]

    @property
    def ticks_x(self) -> list[tuple[str, str]]:
        """Where a label stands, and its text."""
        count = len(self.points)
        step = max(1, -(-count // TICKS))
        return [(f"{place / count:.2%}", self.points[place].label) for place in range(0, count, step)]

    @property
    def picture(self) -> SafeString:
        """What is inside the SVG element."""
        values, top = self.values, self.top
        parts = [
            drawing.patterns(self.name, [series.tone for series in self.series], None in values),
            drawing.grid(),
            drawing.gaps(self.name, values),
            *(
                drawing.columns(
                    self.name,
                    place,
                    values,
                    top,
                    touch=self.is_continuous,
                    beside=len(self.series) if self.compares else 0,
                )
                for place in range(len(self.series))
            ),
            *self._points(),
        ]
        return SafeString("".join(parts))

    def _points(self) -> list[SafeString]:
        last = len(self.points) - 1
        return [
            drawing.point(
                f"{self.name}-{place}", place, last + 1, point.url, self.words_of(point), is_reached=place == last
            )
            for place, point in enumerate(self.points)
        ]

    def words_of(self, point: Point) -> str:
        """ "2026-12-03: 6 (4 archived, 2 deleted)"."""
        if point.values is None:
            return f"{point.title}: {NOT_OBSERVED}"
        total = sum(point.values)
        if not total or (len(self.series) == 1 and self.measure is not number_words):
            return f"{point.title}: {self.measure(total)}"
        parts = [
            f"{self.measure(value)} {series.name}"
            for value, series in zip(point.values, self.series, strict=True)
            if value or self.compares
        ]
        words = ", ".join(parts)
        is_sum = len(parts) > 1 and not self.compares
        return f"{point.title}: {self.measure(total)} ({words})" if is_sum else f"{point.title}: {words}"

    @property
    def legend(self) -> list[tuple[Series, str]]:
        """The series from the top of a column to its foot, each with its fill."""
        return [(series, drawing.fill(self.name, place)) for place, series in reversed(list(enumerate(self.series)))]

    @property
    def has_legend(self) -> bool:
        return len(self.series) > 1 or any(series.url or series.note for series in self.series)

    @property
    def gap(self) -> str:
        """The fill of what was not observed; empty if everything was."""
        return drawing.gap_fill(self.name) if None in self.values else ""

    @property
    def rows(self) -> SafeString:
        """The table's rows. A template takes ten times as long for the hundreds of a quarter."""
        points = self.points[::-1] if self.is_newest_first else self.points
        return format_html_join(
            "",
            '<tr><th scope="row">{}</th>{}{}</tr>',
            ((_linked(point.title, point.url), self._cells(point), _cells(point.more)) for point in points),
        )

    def _cells(self, point: Point) -> SafeString:
        if point.values is None:
            return format_html('<td class="text-secondary" colspan="{}">{}</td>', len(self.series), NOT_OBSERVED)
        urls = point.urls or [""] * len(point.values)
        return _cells(
            [_linked(self.measure(value), url if value else "") for value, url in zip(point.values, urls, strict=True)]
        )


def _cells(texts: Sequence[str]) -> SafeString:
    return format_html_join("", '<td class="text-end">{}</td>', ((text,) for text in texts))


def _linked(text: str, url: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text) if url else format_html("{}", text)
