"""The picture of a start: a bar for each part, from when the one before was ready to when it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from environments.timeline.startups import NOTHING, Start, StartPart
from portal.web.formatting import duration_words

ROW, BAR = 24, 12  # pixels
RECTANGLE = '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>'


@dataclass(frozen=True, slots=True)
class DrawnStart:
    """A start with its picture; `height` in pixels."""

    start: Start
    picture: SafeString
    height: int
    words: str


def draw_start(start: Start) -> DrawnStart:
    """Bars are light where the time of their ends is not known more exactly; a line is what is typical."""
    whole = max([start.latest, *(part.typical or NOTHING for part in start.parts)], default=NOTHING)
    whole = whole or timedelta(seconds=1)
    rows = SafeString("".join(_rows(start, whole)))
    words = "; ".join(f"{part.name} {part.outcome} {span(part)}" for part in start.parts)
    return DrawnStart(start, rows, ROW * len(start.parts), f"Start-up: {words}" if words else "")


def span(part: StartPart) -> str:
    """When, in words: "after 40 s to 1 min 20 s"."""
    if part.earliest == part.latest:
        return f"after {duration_words(part.latest)}"
    return f"after {duration_words(part.earliest)} to {duration_words(part.latest)}"


def _rows(start: Start, whole: timedelta) -> Iterator[str]:
    before = (NOTHING, NOTHING)
    for place, part in enumerate(start.parts):
        tone = "start-failed" if part.outcome == "failed" else "start-ready"
        top = place * ROW + (ROW - BAR) // 2
        bars = [
            (f"start-maybe {tone}", _percent(before[0], whole), top, _percent(part.latest - before[0], whole), BAR),
            (tone, _percent(before[1], whole), top, _percent(part.earliest - before[1], whole), BAR),
        ]
        title = f"{part.name} {part.outcome} {span(part)}"
        line = ""
        if part.typical is not None:
            line = format_html(
                '<rect class="start-typical" x="{}%" y="{}" width="2" height="{}"/>',
                _percent(part.typical, whole), top - 4, BAR + 8,
            )  # fmt: skip
        inside = format_html_join("", RECTANGLE, (bar for bar in bars if float(bar[3]) > 0))
        yield format_html("<g><title>{}</title>{}{}</g>", title, inside, line)
        before = part.earliest, part.latest


def _percent(part: timedelta, whole: timedelta) -> str:
    return f"{100 * max(part, NOTHING) / whole:.2f}"
