"""One page's `as_of`: from its address to what its templates show.

Where no sync run succeeded for a while before the time asked about, nothing later than the last good one is claimed:
pages show what was known then, and say so. What came and went between two runs, such as a start that soon ended, was
never seen. What is rebuilt and what is as of now: see `recorded`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.safestring import SafeString

from environments.as_of import clock, views
from environments.as_of.presets import past_times
from environments.models import SyncRun
from environments.sync.freshness import intervals
from portal.lists.place import Pair, Place
from portal.lists.search import Problem
from portal.web.templatetags.portal import due

TAKES = "takes a time in UTC such as 2026-10-31 23:59"
MISSED_RUNS = 3  # so many intervals without a good sync run, and nothing counts as observed
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Observed:
    """What the portal knew at a time: when the good sync runs before and after it began, None for none; and when the
    event stream was last well, if it reported changes then."""

    at: datetime
    last: datetime | None
    next: datetime | None
    watched_until: datetime | None = None

    @property
    def is_gap(self) -> bool:
        """Whether nothing was observed then: what is shown is what was known at `last`."""
        limit = MISSED_RUNS * intervals()[SyncRun.Kind.ENVIRONMENTS]
        return self.last is None or self.at - max(self.last, self.watched_until or self.last) > limit

    @property
    def shown_at(self) -> datetime:
        """What is shown was so then: at the time itself, or at the last run where it lies in a gap."""
        return self.last if self.last and self.is_gap else self.at


@dataclass(frozen=True)
class AsOf:
    """The time that a page is asked about; None for now. `problem` says why one that was typed cannot be shown, `first`
    is the earliest that can: `environments.as_of.middleware` then shows nothing else."""

    at: datetime | None = None
    typed: str = ""
    problem: Problem | None = None
    first: datetime | None = None

    @classmethod
    def read(cls, typed: str) -> Self:
        """Of the parameter `as_of`; one query, or none for now."""
        typed = typed.strip()
        if not typed:
            return cls()
        try:
            at = _parsed(typed)
        except (ValueError, OverflowError):
            return cls(None, typed, _problem(typed, TAKES))
        if at > timezone.now():
            return cls(None, typed, _problem(typed, "this time lies in the future"))
        first = _runs().order_by("started_at").values_list("started_at", flat=True).first()
        if first is None or at < first:
            records = f"No records before {first:%Y-%m-%d %H:%M} UTC" if first else "No records yet"
            return cls(None, typed, _problem(typed, records), first)
        return cls(at, typed)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, environments are read as they were known then, and `clock.at()` is that time (in a gap: the last sync
        run before it); for now, nothing is different."""
        if self.at is None:
            yield
            return
        shown_at = observed(self.at).shown_at
        with clock.set_to(shown_at, is_rebuilt=True), views.in_front_of_now(shown_at):
            yield

    @property
    def problems(self) -> list[Problem]:
        return [self.problem] if self.problem else []

    @property
    def text(self) -> str:
        """As addresses have it; empty for now."""
        return clock.written(self.at) if self.at else ""

    @property
    def field(self) -> str:
        """As its field shows it."""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M}" if self.at else ""

    @property
    def pairs(self) -> list[Pair]:
        """As part of an address; nothing for now."""
        return [("as_of", self.text)] if self.at else []

    @property
    def typed_pairs(self) -> list[Pair]:
        """The same for an address to be saved: what is not understood stays, and the page says so when it is opened."""
        return self.pairs or ([("as_of", self.typed)] if self.typed else [])

    @property
    def query(self) -> str:
        return f"?{urlencode(self.pairs)}" if self.at else ""

    @cached_property
    def observed(self) -> Observed | None:
        return observed(self.at) if self.at else None

    @property
    def is_gap(self) -> bool:
        return bool(self.observed and self.observed.is_gap)

    def bar(self, place: Place | None = None) -> dict[str, Any]:
        """The context of templates/as_of/_bar.html; two queries for a past time, none for now."""
        filters = place.filters if place else ()
        return {
            "as_of": self,
            "as_of_fields": [pair for pair in filters if pair[0] != "as_of"],
            "now_url": place.only("as_of", "") if place else "?",
            "past_times": past_times(timezone.now(), lambda at: _moved(place, at)),
            "clear": self.query,
        }

    def live(self, url: str) -> str:
        """Where a page asks for news: the past has none."""
        return "" if self.at else url

    @property
    def allows_actions(self) -> bool:
        """Nobody acts in the past."""
        return self.at is None

    def acting(self, user: T) -> T | None:
        """Who acts, if anybody."""
        return user if self.allows_actions else None

    def note(self, *texts: str) -> dict[str, str]:
        """What the head of an export adds about a past time."""
        return {"note": " ".join(texts)} if self.at else {}

    def when(self, at: datetime) -> str:
        """A planned time as a cell: relative to now, or alone in the past."""
        absolute = f"{at:%Y-%m-%d %H:%M} UTC"
        return absolute if self.at else f'{due(at)}<div class="list-source">{absolute}</div>'

    def as_now(self, cell: str, note: str = "as now") -> SafeString:
        """A cell of what is stored as of now alone."""
        return SafeString(f'{cell}<div class="list-source">{note}</div>' if self.at else cell)


def observed(at: datetime) -> Observed:
    """The good sync runs beside a time, in three queries."""
    begins = _runs().values_list("started_at", flat=True)
    last = begins.filter(started_at__lte=at).order_by("-started_at").first()
    streams = SyncRun.objects.filter(kind=SyncRun.Kind.EVENTS, started_at__lte=last or at).order_by("-started_at")
    watched_until = streams.values_list("finished_at", flat=True).first()
    return Observed(at, last, begins.filter(started_at__gt=at).order_by("started_at").first(), watched_until)


def _moved(place: Place | None, at: str) -> str:
    """The address of a page as of another time."""
    return place.only("as_of", at) if place else f"?{urlencode({'as_of': at})}"


def was_ever_synced() -> bool:
    """Whether any sync run has succeeded: until then nothing is known."""
    return bool(_runs().exists())


def _problem(typed: str, message: str) -> Problem:
    return Problem(f"as_of={typed}"[:60], message)


def _runs() -> Any:
    return SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED)


def _parsed(text: str) -> datetime:
    """A space before the zone is a plus that an address lost."""
    head, separator, zone = text.rpartition(" ")
    at = datetime.fromisoformat(f"{head}+{zone}" if separator and "T" in head else text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC)
