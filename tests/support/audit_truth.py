"""A month whose truth is known, as sweeps saw it, and what the audits should say of it: told by the vendor's rules and
without the portal's code."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from environments.models import Phase
from portal.sandbox.documents import Document, micros, seconds_of
from portal.sandbox.history_log import Truth
from portal.sandbox.world import World
from tests.support.history import NOW, lived, replay

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERY = 2 * HOUR
BEGIN = NOW - 30 * DAY
OUTAGE = (NOW - 12 * DAY, NOW - 10 * DAY)
GRACE = HOUR  # what Ona archives or deletes later than this is overdue
LIMITS = (("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY))
UP = ("CREATING", "STARTING", "RUNNING", "UPDATING")


class Month:
    """A month that was swept every two hours, but for an outage."""

    def __init__(self, after: Callable[[datetime], object], after_at: list[datetime]) -> None:
        self.world: World = lived()
        self.sweeps = replay(self.world, every=EVERY, outages=[OUTAGE], after=after, after_at=after_at)

    @property
    def truth(self) -> Truth:
        assert self.world.truth is not None
        return self.world.truth

    def swept(self, moment: datetime) -> datetime:
        """The last sweep until then."""
        return self.sweeps[bisect_right(self.sweeps, moment) - 1]

    def known(self, at: datetime) -> set[str]:
        """The environments that a sweep had seen by then, gone ones too."""
        return {identifier for identifier in self.truth.lives if self.first_seen(identifier) <= at}

    @cache  # noqa: B019 (one month for all tests of a module)
    def first_seen(self, identifier: str) -> datetime:
        """The first sweep that found it; the end of time where it came and went between two."""
        life = self.truth.lives[identifier]
        sweep = next((each for each in self.sweeps if micros(each) >= life.begin), None)
        seen = sweep is not None and (life.end is None or micros(sweep) < life.end)
        return sweep if sweep and seen else datetime.max.replace(tzinfo=NOW.tzinfo)

    def is_gone(self, identifier: str, at: datetime) -> bool:
        end = self.truth.lives[identifier].end
        return end is not None and end <= micros(at)

    def value(self, identifier: str, field: str, at: datetime) -> Any:
        """What a field was at a moment at which the environment was there."""
        begins, values = self._values(identifier, field)
        return values[bisect_right(begins, at) - 1]

    def since(self, identifier: str, field: str, at: datetime) -> datetime:
        """Since when it was that."""
        begins, _ = self._values(identifier, field)
        return begins[bisect_right(begins, at) - 1]

    @cache  # noqa: B019
    def _values(self, identifier: str, field: str) -> tuple[list[datetime], list[Any]]:
        intervals = self.truth.intervals(identifier, field)
        return [each.begin for each in intervals], [each.value for each in intervals]

    def changes(self, field: str) -> Iterator[tuple[str, datetime, datetime, Any, Any]]:
        """What sweeps saw change: environment, the last sweep before and the first after, the values then."""
        for identifier in sorted(self.truth.lives):
            first, end = self.first_seen(identifier), self.truth.lives[identifier].end
            seen = [each for each in self.sweeps if each >= first and (end is None or micros(each) < end)]
            for before, after in pairwise(seen):
                old, new = self.value(identifier, field, before), self.value(identifier, field, after)
                if old != new:
                    yield identifier, before, after, old, new

    # What the audits should say

    def lockdown(self, identifier: str, at: datetime, now: datetime) -> str:
        """The status at `now` as far as the sweep `at` knew."""
        if self.is_gone(identifier, at) or self.value(identifier, "phase", at) == Phase.DELETED:
            return "deleted"
        moment = self.value(identifier, "lockdown_at", at)
        if moment is None:
            return "exempt" if days(self.truth.policies_at(at), "maximumEnvironmentLifetime") else "none"
        if moment <= now:
            phase = self.value(identifier, "phase", at)
            return "running" if phase.removeprefix("ENVIRONMENT_PHASE_") in UP else "past"
        return next((name for name, limit in LIMITS if moment - now <= limit), "later")

    def archive(self, identifier: str, at: datetime, now: datetime) -> set[str]:
        """As `lockdown`; either side of a limit is right where nobody looked when it was stopped."""
        if self.is_gone(identifier, at) or self.value(identifier, "phase", at) == Phase.DELETED:
            return {"deleted"}
        policies, archived_at = self.truth.policies_at(at), self.value(identifier, "archived_at", at)
        if archived_at:
            keep = days(policies, "deleteArchivedEnvironmentsAfter")
            late = archived_at + keep + GRACE < now
            return {"archived"} if not keep else {"overdue"} if late else {"deletion"}
        if self.value(identifier, "phase", at) != Phase.STOPPED:
            return {"active"}
        begin, seen = self.stopped(identifier, at), self.seen_stopped(identifier, at)
        limit = days(policies, "archiveEnvironmentsAfter") + GRACE
        return {"overdue" if each + limit < now else "due" for each in (begin, seen)}

    def stopped(self, identifier: str, at: datetime) -> datetime:
        """Since when in truth; unarchived, it is stopped anew."""
        return max(self.since(identifier, "phase", at), self.since(identifier, "archived_at", at))

    def seen_stopped(self, identifier: str, at: datetime) -> datetime:
        """The first of the sweeps until `at` that all found it stopped and not archived."""
        since = at
        for sweep in reversed(self.sweeps[: bisect_left(self.sweeps, at)]):
            if sweep < self.first_seen(identifier) or not self._is_stopped(identifier, sweep):
                break
            since = sweep
        return since

    def missed(self, identifier: str, at: datetime) -> bool:
        """Whether it was started, or archived, and stopped anew between two sweeps, of which nobody saw anything."""
        if self.is_gone(identifier, at) or not self._is_stopped(identifier, at):
            return False
        return self.stopped(identifier, at) > self.seen_stopped(identifier, at)

    def _is_stopped(self, identifier: str, at: datetime) -> bool:
        phase, archived_at = (self.value(identifier, field, at) for field in ("phase", "archived_at"))
        return phase == Phase.STOPPED and archived_at is None


def days(policies: Document, name: str) -> timedelta:
    return timedelta(seconds=seconds_of(policies.get(name, "0s")))
