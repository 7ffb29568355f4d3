"""The organization as it was known at a past moment, rebuilt from transitions.

Within `as_of(moment)` every query on environments reads them as they were known then: see `past`. Lists, filters,
counts and audits need not know of it.

Where no sweep ended well for a while before the moment, nothing later than the last good sweep is claimed: pages stand
at that sweep, and say so.

Rebuilt is what transitions tell of (past.TEXTS, past.TIMES), what the specification that was known then says
(past.SPECIFIED), and which environments had been seen. A use later than the moment is not known then. All other columns
are as now, and pages say so. What came and went between two sweeps, such as a start that soon ended, was never seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from environments.as_of import clock as moments
from environments.as_of.rebuild import standing_before
from environments.models import SyncRun
from environments.sync.freshness import intervals
from portal.lists.search import Problem

TAKES = "takes a moment in UTC such as 2026-10-31T23:59Z"
MISSED_SWEEPS = 3  # so many intervals without a good sweep, and nothing counts as observed


@dataclass(frozen=True, slots=True)
class Observed:
    """What the portal knew at a moment: the good sweeps before and after it (when they began), None for none."""

    moment: datetime
    last: datetime | None
    next: datetime | None

    @property
    def is_gap(self) -> bool:
        """Whether nothing was observed then: what is shown is what was known at `last`."""
        limit = MISSED_SWEEPS * intervals()[SyncRun.Kind.ENVIRONMENTS]
        return self.last is None or self.moment - self.last > limit

    @property
    def stand(self) -> datetime:
        """What is shown was so then: at the moment itself, or at the last sweep where it lies in a gap."""
        return self.last if self.last and self.is_gap else self.moment


def read_moment(text: str) -> tuple[datetime | None, Problem | None]:
    """The moment that an address names with `as_of`, None for now; and why one that is given cannot be shown."""
    text = text.strip()
    if not text:
        return None, None
    typed = f"as_of={text}"[:60]
    try:
        moment = _parsed(text)
    except (ValueError, OverflowError):
        return None, Problem(typed, f"{TAKES}; the page is as of now")
    if moment > timezone.now():
        return None, Problem(typed, "it lies in the future, of which nothing is known; the page is as of now")
    first = _sweeps().order_by("started_at").values_list("started_at", flat=True).first()
    if first is None or moment < first:
        since = f"began on {first:%Y-%m-%d %H:%M} UTC" if first else "has not ended yet"
        return None, Problem(typed, f"nothing was known then: the first sweep {since}; the page is as of now")
    return moment, None


def observed(moment: datetime) -> Observed:
    """The good sweeps beside a moment, in two queries."""
    begins = _sweeps().values_list("started_at", flat=True)
    last = begins.filter(started_at__lte=moment).order_by("-started_at").first()
    return Observed(moment, last, begins.filter(started_at__gt=moment).order_by("started_at").first())


def was_swept() -> bool:
    """Whether any sweep has ended well: until then nothing is known."""
    return bool(_sweeps().exists())


@contextmanager
def as_of(moment: datetime | None) -> Iterator[None]:
    """What is read of environments within is as it was known at `moment` (in a gap: at the last sweep before it); as it
    is known now for None. `environments.as_of.clock.now()` tells which."""
    if moment is None:
        yield
        return
    stand = observed(moment).stand
    with moments.standing_at(stand, rebuilt=True), standing_before(stand):
        yield


def _sweeps() -> Any:
    return SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED)


def _parsed(text: str) -> datetime:
    """A space before the zone is a plus that an address lost."""
    head, separator, zone = text.rpartition(" ")
    moment = datetime.fromisoformat(f"{head}+{zone}" if separator and "T" in head else text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
