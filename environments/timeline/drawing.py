"""Lay out the picture: positions as percentages of its width. Pure.

Bars too narrow to see or click are drawn together with their neighbours, and link to a closer zoom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.utils.safestring import SafeString

from environments.timeline import svg
from environments.timeline.event_labels import state_word
from environments.timeline.lane_bars import Bar, Lane, Mark, Period
from environments.timeline.observed import Gap
from environments.timeline.query import View
from environments.timeline.sources import TimelineData
from environments.timeline.svg import DrawnBar, DrawnGap, DrawnMark
from portal.web.formatting import duration_words, phase_tone

NARROWEST, WIDEST = 0.7, 2.5  # percent of the width: narrower bars are drawn together, up to the second value
FOR_A_LABEL, FOR_A_LETTER = 5.0, 0.7
THINNEST = 0.1  # percent: shorter gaps, such as the seconds since the last sync, are not drawn
APART = 1.8  # percent between the centres of two marks
MIDDLE = 15  # pixels from the top of a lane
# the height of a bar shows its kind without colour
HEIGHTS = {"green": 20, "red": 20, "blue": 12, "amber": 12, "gray": 5, "none": 8, "several": 20, "mixed": 20}
ROWS_SHOWN = 50
SIGNS = {
    "failure": "Failure",
    "operation": "Operation",
    "outside": "Done outside the portal",
    "specification": "Specification version",
    "lockdown": "Lockdown",
    "archive": "Archiving",
    "gone": "Deleted or restored",
    "created": "Created",
    "start": "Last started",
    "activity": "Last activity",
    "ended": "Execution ended",
    "several": "Several at once",
}
STEPS = [
    *(timedelta(minutes=minutes) for minutes in (10, 30, 60, 180, 360, 720)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 30, 91, 182, 365)),
]
MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class DrawnLane:
    name: str
    label: str
    bars: list[DrawnBar]
    marks: list[DrawnMark]

    @property
    def bar_shapes(self) -> SafeString:
        return svg.bars(self.bars)

    @property
    def mark_shapes(self) -> SafeString:
        return svg.marks(self.marks)


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis; `anchor` keeps its label inside the picture."""

    x: str
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A bar as a row of the table that is the picture's text alternative."""

    lane: str
    state: str
    start: datetime
    certain_from: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole picture. `rows` are its first bars as text, of `bars` in total; `signs` are the kinds of marks in use.

    `gap_shapes` are drawn over the bars of each lane, so that a widened bar never covers a gap.
    """

    lanes: list[DrawnLane]
    gaps: list[DrawnGap]
    gap_shapes: SafeString
    ticks: list[Tick]
    rows: list[TableRow]
    bars: int
    signs: dict[str, str]
    left_out: list[str]


class _Scale:
    """Converts times to percentages of the width."""

    def __init__(self, period: Period) -> None:
        self.start, self.span = period.start, period.end - period.start

    def at(self, time: datetime) -> float:
        return (time - self.start) / self.span * 100

    def between(self, start: datetime, end: datetime) -> float:
        return (end - start) / self.span * 100


def draw_timeline(timeline: TimelineData, view: View) -> Picture:
    """Lay out the lanes, gaps and marks of a timeline."""
    scale = _Scale(timeline.period)
    drawn = [_lane(lane, timeline.labels[lane.name], scale, view) for lane in timeline.lanes]
    bars = [(timeline.labels[lane.name], bar) for lane in timeline.lanes for bar in lane.bars]
    kinds = {mark.kind for lane in drawn for mark in lane.marks}
    gaps = [
        DrawnGap(_percent(scale.at(gap.start)), _percent(scale.between(gap.start, gap.end)), _gap_words(gap))
        for gap in timeline.gaps
        if scale.between(gap.start, gap.end) > THINNEST
    ]
    return Picture(
        drawn,
        gaps,
        svg.gaps(gaps),
        list(ticks(timeline.period)),
        [
            TableRow(lane, state_word(bar.value), bar.start, bar.certain_from, bar.end)
            for lane, bar in bars[:ROWS_SHOWN]
        ],
        len(bars),
        {kind: label for kind, label in SIGNS.items() if kind in kinds},
        timeline.left_out,
    )


def _lane(lane: Lane, label: str, scale: _Scale, view: View) -> DrawnLane:
    bars = [_draw_group(group, label, scale, view) for group in _group_bars(lane.bars, scale)]
    marks = list(_group_marks(lane.marks, lane.name, scale, view))
    taken = [float(mark.x) for mark in marks]
    return DrawnLane(lane.name, label, [_place_label(bar, taken) for bar in bars], marks)


def _place_label(bar: DrawnBar, taken: Sequence[float]) -> DrawnBar:
    """Place a bar's label where no mark covers it: at the start, else at the end, else nowhere."""
    start, end = float(bar.x), float(bar.x) + float(bar.width)
    if not bar.label or not any(start - APART < each < start + FOR_A_LABEL for each in taken):
        return bar
    is_free = end - start > 2 * FOR_A_LABEL and not any(end - FOR_A_LABEL < each < end + APART for each in taken)
    return replace(bar, anchor="end") if is_free else replace(bar, label="")


def _group_bars(bars: Sequence[Bar], scale: _Scale) -> Iterator[list[Bar]]:
    """Wide bars alone, narrow neighbours together."""
    narrow, wide = scale.span * NARROWEST / 100, scale.span * WIDEST / 100
    waiting: list[Bar] = []
    for bar in bars:
        is_beside = waiting and bar.start - waiting[-1].end < narrow
        is_narrow = bar.end - bar.start < narrow
        is_full = waiting and bar.end - waiting[0].start > wide
        if waiting and (is_full or not is_beside or not is_narrow):
            yield waiting
            waiting = []
        if is_narrow:
            waiting.append(bar)
        else:
            yield [bar]
    if waiting:
        yield waiting


def _draw_group(bars: Sequence[Bar], lane: str, scale: _Scale, view: View) -> DrawnBar:
    first, last = bars[0], bars[-1]
    x, width = scale.at(first.start), max(scale.between(first.start, last.end), NARROWEST / 2)
    if len(bars) == 1:
        return _draw_single(first, lane, min(x, 100 - width), width, scale, view)
    is_failing = any(phase_tone(value) == "red" for value in {bar.value for bar in bars})
    failing = ", a failure among them," if is_failing else ""
    words = f"{lane}: {len(bars)} states{failing} {_time_range(first.start, last.end)}. Zoom in."
    url = view.around(first.start, last.end)
    return _bar("", min(x, 100 - width), width, 0, "mixed" if is_failing else "several", "", words, url, False)


def _draw_single(bar: Bar, lane: str, x: float, width: float, scale: _Scale, view: View) -> DrawnBar:
    seen, word = bar.seen, state_word(bar.value)
    url = seen.url or (f"{view.url(transition=seen.key)}#chosen" if seen.key else "")
    light = min(scale.between(bar.start, bar.certain_from) / width * 100, 100)
    label = word if width >= max(FOR_A_LABEL, len(word) * FOR_A_LETTER) else ""
    tone = {"true": "green", "false": "red"}.get(bar.value) or phase_tone(bar.value)
    part = f"{seen.key}-{bar.start.timestamp():.0f}" if seen.key else ""  # a state can be drawn in several parts
    return _bar(part, x, width, light, tone, label, describe_bar(bar, lane), url, seen.key == view.chosen != "")


def _bar(
    key: str, x: float, width: float, light: float, tone: str, label: str, words: str, url: str, is_chosen: bool
) -> DrawnBar:
    height = HEIGHTS.get(tone, HEIGHTS["none"])
    light_share, rest = _percent(light), _percent(max(100 - light, 0))
    id_, y = f"bar-{key}" if key else "", MIDDLE - height // 2
    places = _percent(x), _percent(width)
    return DrawnBar(id_, *places, light_share, rest, y, height, tone, label, words, url, is_chosen)


def describe_bar(bar: Bar, lane: str) -> str:
    """A sentence about a bar: state, from when to when, and with what certainty."""
    sentence = f"{lane}: {state_word(bar.value)} {_time_range(bar.start, bar.end)}"
    if bar.until is None:
        sentence += ", as far as it was observed"
    if bar.certain_from > bar.start and bar.seen.after is not None:
        sentence += f". It began at some time {_between(bar.seen.after, bar.seen.at)}"
    return f"{sentence}."


def _group_marks(marks: Sequence[Mark], lane: str, scale: _Scale, view: View) -> Iterator[DrawnMark]:
    """Marks that are far enough apart alone, others as one."""
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and scale.between(groups[-1][0].at, mark.at) < APART:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    for group in groups:
        yield _draw_marks(group, lane, scale, view)


def _draw_marks(group: Sequence[Mark], lane: str, scale: _Scale, view: View) -> DrawnMark:
    first, last = group[0], group[-1]
    x = _percent(min(max(scale.at(first.at), 0.8), 99.2))
    if len(group) == 1:
        url = first.url or (f"{view.url(transition=first.key)}#chosen" if first.key else "")
        id_ = f"mark-{first.key}" if first.key else ""
        return DrawnMark(id_, x, first.kind, describe_mark(first), url, first.key == view.chosen != "")
    kinds = [kind for kind, _ in groupby(sorted(mark.kind for mark in group))]
    words = (
        f"{len(group)} at once {_time_range(first.at, last.at)}: {'; '.join(describe_mark(mark) for mark in group[:5])}"
    )
    url = view.around(first.at, last.at) if view.zoom != "hour" else f"{view.url()}#changes"
    return DrawnMark("", x, kinds[0] if len(kinds) == 1 else "several", words, url, False)


def describe_mark(mark: Mark) -> str:
    """A sentence about a mark."""
    when = f"after {_at(mark.after)}, by {_at(mark.at)}" if mark.after else _at(mark.at)
    return f"{mark.label}, {when}"


def ticks(period: Period) -> Iterator[Tick]:
    """Round times in UTC, at most nine."""
    span = period.end - period.start
    step = next((step for step in STEPS if span / step <= MOST_TICKS), STEPS[-1])
    seconds = step.total_seconds()
    time = datetime.fromtimestamp((period.start.timestamp() // seconds + 1) * seconds, UTC)
    for _ in range(MOST_TICKS + 1):
        if time >= period.end:
            return
        share = (time - period.start) / span * 100
        anchor = "start" if share < 4 else "end" if share > 96 else "middle"
        yield Tick(_percent(share), _tick_label(time, step), anchor)
        time += step


def _tick_label(time: datetime, step: timedelta) -> str:
    if step >= timedelta(days=30):
        return f"{time:%b %Y}"
    if step >= timedelta(days=1) or (time.hour, time.minute) == (0, 0):
        return f"{time:%b} {time.day}"
    return f"{time:%H:%M}"


def _gap_words(gap: Gap) -> str:
    return f"Not observed {_time_range(gap.start, gap.end)} ({duration_words(gap.end - gap.start)}): {gap.why}."


def _time_range(start: datetime, end: datetime) -> str:
    return f"from {_at(start)} to {_at(end)}"


def _between(after: datetime, by: datetime) -> str:
    return f"after {_at(after)} and by {_at(by)}"


def _at(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _percent(share: float) -> str:
    return f"{share:.3f}".rstrip("0").rstrip(".")
