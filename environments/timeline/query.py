"""The query of a timeline: the period shown, and the other parameters of its URL."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from environments.documents.json_part import as_time
from environments.models import Environment
from environments.timeline.lane_bars import Period
from environments.timeline.sources import Place
from portal.lists import parameters
from portal.lists.search import Problem
from portal.web.parameters import Check, anything

ALL: Final = "all"
ZOOMS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
LABELS = {"hour": "Hour", "day": "Day", "week": "Week", ALL: "All"}
OLDEST = timedelta(days=400)  # before the first observation: earlier time shows nothing
TOO_LITTLE = 120  # with less than one part in so many left before now, the period ends now and moves on with time
LONGEST_WORDS = 200
LONGEST_LANE = 200
AFTER_DELETION = 12  # one part in so many of the period is shown after an environment was deleted


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that changes one parameter."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class View:
    """The parsed query with defaults; never raises on hand-edited URLs.

    `to` is the requested end, None if the period ends now and moves on. `life` is the longest period that can be shown,
    `words` what the list is searched for.
    """

    zoom: str
    to: datetime | None
    period: Period
    life: Period
    lane: str
    chosen: str
    words: str
    after: Place | None

    def url(self, **changes: str) -> str:
        """The URL with some parameters changed, "" to remove; the cursor is dropped."""
        parameters = self.other_parameters | {"q": self.words}
        return "?" + urlencode({name: value for name, value in (parameters | changes).items() if value})

    @property
    def other_parameters(self) -> dict[str, str]:
        """The other parameters, which a search preserves."""
        return {
            "zoom": self.zoom,
            "to": format_time(self.to) if self.to else "",
            "lane": self.lane,
            "transition": self.chosen,
        }

    def around(self, start: datetime, end: datetime) -> str:
        """The URL of the narrowest zoom that shows this time with some margin."""
        zoom = next((name for name, span in ZOOMS.items() if span > (end - start) * 1.2), ALL)
        room = (ZOOMS[zoom] - (end - start)) / 2 if zoom in ZOOMS else timedelta(0)
        return self.url(zoom=zoom, to=format_time(end + room) if end + room < self.life.end else "", transition="")

    @property
    def zooms(self) -> list[Choice]:
        return [Choice(label, self.url(zoom=name), name == self.zoom) for name, label in LABELS.items()]

    @property
    def earlier(self) -> str:
        """The URL of the period before; empty if there is none."""
        is_first = self.zoom == ALL or self.period.start <= self.life.start
        return "" if is_first else self.url(to=format_time(self.period.start), transition="")

    @property
    def later(self) -> str:
        """The URL of the period after; empty if there is none."""
        if self.zoom == ALL or self.period.end >= self.life.end:
            return ""
        span = ZOOMS[self.zoom]
        end = self.period.end + span
        return self.url(to=format_time(end) if end + span / TOO_LITTLE < self.life.end else "", transition="")

    def older(self, place: Place) -> str:
        """The URL of the list after this entry."""
        return f"{self.url()}&{urlencode({'before': format_cursor(place)})}"


def read_view(data: QueryDict, environment: Environment, now: datetime) -> View:
    """Parse the query; invalid parameters get their defaults."""
    life = _life(environment, now)
    zoom = data.get("zoom", "")
    zoom = zoom if zoom in LABELS else _default_zoom(environment, life)
    requested = as_time(data.get("to"))
    to = min(max(requested, life.start), life.end) if requested and zoom != ALL else None
    to = to if to and to < life.end else None
    period = _period(zoom, to, life, environment.gone_at)
    lane, chosen = data.get("lane", "")[:LONGEST_LANE], data.get("transition", "")[:40]
    words = " ".join(data.get("q", "")[:LONGEST_WORDS].split())
    return View(zoom, to, period, life, lane, chosen, words, parse_cursor(data.get("before", "")))


def find_problems(data: QueryDict, lanes: Collection[str]) -> Iterator[Problem]:
    """What `read_view` makes nothing of: the page shows its defaults, an export refuses the query."""
    checks: dict[str, Check] = {
        "zoom": parameters.one_word_of(LABELS),
        "to": lambda text: "" if as_time(text) else "takes a time such as 2026-12-31T18:00:00Z",
        "lane": parameters.one_word_of([lane for lane in lanes if lane]),
        "transition": anything,
        "q": lambda text: f"takes at most {LONGEST_WORDS} characters" if len(text) > LONGEST_WORDS else "",
        "before": lambda text: "" if parse_cursor(text) else "takes a place as the list writes it",
        "format": anything,
    }
    return parameters.find_problems(data, checks)


def _life(environment: Environment, now: datetime) -> Period:
    """From its creation, or its first observation if that is unknown, to now."""
    first = environment.first_seen_at
    created = environment.created_at
    start = max(created, first - OLDEST) if created and created < first else first
    return Period(min(start, now - timedelta(minutes=1)), now)


def _default_zoom(environment: Environment, life: Period) -> str:
    """The narrowest zoom that shows all observed time, at most a week."""
    seen_for = life.end - environment.first_seen_at
    zoom = next((name for name, span in ZOOMS.items() if seen_for <= span), "week")
    return ALL if life.end - life.start < ZOOMS[zoom] else zoom


def _period(zoom: str, to: datetime | None, life: Period, gone_at: datetime | None) -> Period:
    if zoom == ALL:
        return life
    span = ZOOMS[zoom]
    end = to or (min(life.end, gone_at + span / AFTER_DELETION) if gone_at and gone_at >= life.start else life.end)
    return Period(end - span, end)


def format_time(at: datetime) -> str:
    """A time for URLs, rounded up to the second so that nothing at it is lost."""
    rounded = at.astimezone(UTC) + timedelta(microseconds=999_999)
    return f"{rounded:%Y-%m-%dT%H:%M:%SZ}"


def format_cursor(row: Place) -> str:
    """A place in the list, for URLs."""
    return f"{row.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}~{row.letter}{row.id}"


def parse_cursor(text: str) -> Place | None:
    """Parse a place from a URL; None if invalid."""
    time, mark, row = text.partition("~")
    at, id_ = as_time(time), _identity(row[1:])
    return Place(at, row[0], id_) if mark and at and row and row[0].isalpha() and id_ is not None else None


def _identity(text: str) -> Any:
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return UUID(text)
    except ValueError:
        return None
