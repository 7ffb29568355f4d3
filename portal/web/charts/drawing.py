"""Positions of a chart of columns, and its markup. Not in a template: hundreds of shapes take ten times as long there.

Texts and URLs are escaped; everything else is numbers and words of this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from django.utils.safestring import SafeString

WIDTH, HEIGHT = 1000, 200  # of the drawing; the page stretches it
LEAST = 6  # height of a column that is not zero: what is not nothing can be seen
SPACE = 0.14  # of a column's width stays free at each of its sides
MILLISECOND, SECOND, MINUTE, HOUR, DAY = 0.001, 1, 60, 3_600, 86_400
STEPS = (
    (MILLISECOND, (20, 40, 100, 200, 400)), (SECOND, (1, 2, 4, 10, 20, 40, 60)), (MINUTE, (2, 4, 10, 20, 40, 60)),
    (HOUR, (2, 4, 8, 12, 24)),
)  # fmt: skip
Values = Sequence[float] | None
# What tells the series apart without colour, over the fill of each.
INKS = (
    "",
    '<path class="chart-ink" d="M-2 2L2 -2M0 8L8 0M6 10L10 6"/>',
    '<circle class="chart-dot" cx="4" cy="4" r="1.6"/>',
    '<path class="chart-ink" d="M0 3H8"/>',
    '<path class="chart-ink" d="M-2 6L2 10M0 0L8 8M6 -2L10 2"/>',
    '<path class="chart-ink" d="M0 5H8M5 0V8"/>',
    '<path class="chart-ink" d="M3 0V8"/>',
)
PATTERN = '<pattern id="{id}" width="8" height="8" patternUnits="userSpaceOnUse">{inside}</pattern>'
GROUND = '<rect class="chart-fill-{fill}" width="8" height="8"/>'
HATCH = '<path class="chart-hatch" d="M-2 2L2 -2M0 8L8 0M6 10L10 6"/>'
POINT = (
    '<{tag} id="{id}" class="chart-point" tabindex="{tabindex}" aria-label="{words}"{more}>'
    '<rect class="chart-hit" x="{x}" width="{width}" height="200"/></{tag}>'
)


def axis_maximum(peak: float) -> int:
    """The lowest of 2, 4, 10, 20, 40, 100… that is not below the peak."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if peak <= step * size:
                return step * size
        size *= 10


def top_of_seconds(peak: float) -> float:
    """The same for seconds, so that half of it is a round time, too: 400 ms, 40 s, 20 min, 4 h, 10 d."""
    for unit, steps in STEPS:
        for step in steps:
            if peak <= step * unit:
                return step * unit
    return axis_maximum(peak / DAY) * DAY


def patterns(name: str, tones: Sequence[str], has_gaps: bool) -> str:
    """The fills of the series, in their order."""
    made = [
        PATTERN.format(id=f"{name}-p{place}", inside=GROUND.format(fill=tone or place) + INKS[place])
        for place, tone in enumerate(tones)
    ]
    if has_gaps:
        made.append(PATTERN.format(id=f"{name}-gap", inside=HATCH))
    return f"<defs>{''.join(made)}</defs>"


def fill(name: str, place: int) -> str:
    return f"url(#{name}-p{place})"


def gap_fill(name: str) -> str:
    return f"url(#{name}-gap)"


def grid() -> str:
    """The ground, and lines at the axis's top and middle."""
    lines = f"M0 0H{WIDTH}M0 {HEIGHT // 2}H{WIDTH}M0 {HEIGHT}H{WIDTH}"
    return f'<rect class="chart-ground" width="{WIDTH}" height="{HEIGHT}"/><path class="chart-grid" d="{lines}"/>'


def stretches(values: Sequence[Values]) -> Iterator[tuple[int, int]]:
    """The stretches that were not observed, each as its first column and the one after its last."""
    begin = None
    for place, each in enumerate([*values, ()]):
        if each is None and begin is None:
            begin = place
        elif each is not None and begin is not None:
            yield begin, place
            begin = None


def gaps(name: str, values: Sequence[Values]) -> str:
    """What was not observed."""
    shape = '<rect class="chart-gap" x="{x:.1f}" width="{width:.1f}" height="200" fill="{fill}"/>'
    size = WIDTH / max(len(values), 1)
    return "".join(
        shape.format(x=begin * size, width=(end - begin) * size, fill=gap_fill(name))
        for begin, end in stretches(values)
    )


def columns(name: str, place: int, values: Sequence[Values], top: float, *, touch: bool, beside: int = 0) -> str:
    """The parts of all columns that one series has, as one path; nothing if they are all zero. So many series stand
    `beside` each other, or on each other (0)."""
    size = WIDTH / max(len(values), 1)
    space = 0 if touch else SPACE * size
    width = (size - 2 * space) / (beside or 1)
    parts = []
    for number, each in enumerate(values):
        if each and each[place]:
            low, high = _edges([each[place]] if beside else each[: place + 1], top)
            left = number * size + space + (width * place if beside else 0)
            parts.append(f"M{left:.1f} {low}V{high}H{left + width:.1f}V{low}Z")
    return f'<path class="chart-columns" fill="{fill(name, place)}" d="{"".join(parts)}"/>' if parts else ""


def _edges(values: Sequence[float], top: float) -> tuple[float, float]:
    """Where the last of these parts begins and ends; the picture ends at 0."""
    heights = [max(value / top * HEIGHT, LEAST) if value else 0 for value in values]
    high = max(HEIGHT - sum(heights), 0)
    return round(max(HEIGHT - sum(heights[:-1]), LEAST), 1), round(high, 1)


def point(id_: str, place: int, count: int, url: str, words: str, *, is_reached: bool) -> SafeString:
    """A column's own place over its whole height: what is pointed at, focused and followed."""
    size = WIDTH / count
    return SafeString(
        POINT.format(
            tag="a" if url else "g", id=id_, tabindex="0" if is_reached else "-1", words=escape(words),
            more=f' href="{escape(url)}"' if url else ' role="img"', x=round(place * size, 1), width=round(size, 1),
        )
    )  # fmt: skip
