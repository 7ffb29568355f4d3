"""The part of an environment's life that a page shows, and the rest of what its address holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from environments.documents.json_part import as_time
from environments.models import Environment
from environments.timeline.lanes import Period
from environments.timeline.source import Place

ALL: Final = "all"
ZOOMS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
LABELS = {"hour": "Hour", "day": "Day", "week": "Week", ALL: "All"}
OLDEST = timedelta(days=400)  # before the first sight: nobody looks at more of what was not seen
TOO_LITTLE = 120  # less than so many parts of a period lie before now: it goes on with time
LONGEST_WORDS = 200
BESIDE = 12  # a twelfth of the period is shown after an environment was gone


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that changes one thing of the address."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class View:
    """What the address says, with what it does not say filled in; never raises on what was edited by hand.

    `to` is the end asked for, None where the period goes on with time. `life` is the longest period there is to show,
    `words` are what the list is searched for.
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
        """The same page with some parameters changed, "" for away; the place in the list is not kept."""
        said = self.beside_words | {"q": self.words}
        return "?" + urlencode({name: value for name, value in (said | changes).items() if value})

    @property
    def beside_words(self) -> dict[str, str]:
        """What else the address says, by parameter: what a search keeps."""
        return {
            "zoom": self.zoom,
            "to": written(self.to) if self.to else "",
            "lane": self.lane,
            "transition": self.chosen,
        }

    def around(self, start: datetime, end: datetime) -> str:
        """The narrowest zoom that shows all of this, with some room beside it."""
        zoom = next((name for name, span in ZOOMS.items() if span > (end - start) * 1.2), ALL)
        room = (ZOOMS[zoom] - (end - start)) / 2 if zoom in ZOOMS else timedelta(0)
        return self.url(zoom=zoom, to=written(end + room) if end + room < self.life.end else "", transition="")

    @property
    def zooms(self) -> list[Choice]:
        return [Choice(label, self.url(zoom=name), name == self.zoom) for name, label in LABELS.items()]

    @property
    def earlier(self) -> str:
        """Empty where there is nothing earlier."""
        is_first = self.zoom == ALL or self.period.start <= self.life.start
        return "" if is_first else self.url(to=written(self.period.start), transition="")

    @property
    def later(self) -> str:
        """Empty where there is nothing later."""
        if self.zoom == ALL or self.period.end >= self.life.end:
            return ""
        span = ZOOMS[self.zoom]
        end = self.period.end + span
        return self.url(to=written(end) if end + span / TOO_LITTLE < self.life.end else "", transition="")

    def older(self, place: Place) -> str:
        """The list after this row."""
        return f"{self.url()}&{urlencode({'before': cursor(place)})}"


def read(data: QueryDict, environment: Environment, now: datetime) -> View:
    """Understand an address."""
    life = _life(environment, now)
    zoom = data.get("zoom", "")
    zoom = zoom if zoom in LABELS else _fitting(environment, life)
    asked = as_time(data.get("to"))
    to = min(max(asked, life.start), life.end) if asked and zoom != ALL else None
    to = to if to and to < life.end else None
    period = _period(zoom, to, life, environment.gone_at)
    lane, chosen = data.get("lane", "")[:200], data.get("transition", "")[:40]
    words = " ".join(data.get("q", "")[:LONGEST_WORDS].split())
    return View(zoom, to, period, life, lane, chosen, words, place(data.get("before", "")))


def _life(environment: Environment, now: datetime) -> Period:
    """From its creation, or its first sight where that is not known, to now."""
    first = environment.first_seen_at
    created = environment.created_at
    start = max(created, first - OLDEST) if created and created < first else first
    return Period(min(start, now - timedelta(minutes=1)), now)


def _fitting(environment: Environment, life: Period) -> str:
    """The narrowest period that shows all that was seen, but never more than a week."""
    seen_for = life.end - environment.first_seen_at
    zoom = next((name for name, span in ZOOMS.items() if seen_for <= span), "week")
    return ALL if life.end - life.start < ZOOMS[zoom] else zoom


def _period(zoom: str, to: datetime | None, life: Period, gone_at: datetime | None) -> Period:
    if zoom == ALL:
        return life
    span = ZOOMS[zoom]
    end = to or (min(life.end, gone_at + span / BESIDE) if gone_at and gone_at >= life.start else life.end)
    return Period(end - span, end)


def written(moment: datetime) -> str:
    """A moment as addresses hold it, to the second, rounded up so that nothing at it is lost."""
    rounded = moment.astimezone(UTC) + timedelta(microseconds=999_999)
    return f"{rounded:%Y-%m-%dT%H:%M:%SZ}"


def cursor(row: Place) -> str:
    """A place in the list as addresses hold it."""
    return f"{row.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}~{row.letter}{row.id}"


def place(text: str) -> Place | None:
    """A place that an address holds; None for what is none."""
    moment, mark, row = text.partition("~")
    at, id_ = as_time(moment), _identity(row[1:])
    return Place(at, row[0], id_) if mark and at and row and row[0].isalpha() and id_ is not None else None


def _identity(text: str) -> Any:
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return UUID(text)
    except ValueError:
        return None
