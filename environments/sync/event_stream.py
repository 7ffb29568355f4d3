"""Whether the event stream is well: full listings are rarer then, because events tell of changes at once.

Its connections are recorded as sync runs (portal.watching). While one lasts, `finished_at` is when it was last well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from environments.models import SyncRun

CONFIRMED = timedelta(seconds=20)  # the interval at which the watcher confirms it
ALIVE = timedelta(seconds=50)
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class EventStream:
    """The newest connection, and when the newest successful full listing began."""

    connection: SyncRun | None
    listed_at: datetime | None
    now: datetime

    @property
    def state(self) -> str:
        """`live`; `connected`, but nothing was listed since; `away`; or `never`."""
        if self.connection is None:
            return "never"
        if not self._was_well(ALIVE):
            return "away"
        return "live" if self._is_complete else "connected"

    @property
    def is_live(self) -> bool:
        """Whether changes are learned from events alone."""
        return self.state == "live"

    @property
    def is_fading(self) -> bool:
        """Whether it was live until lately: a full listing that is due now is not late yet."""
        return self._is_complete and self._was_well(timedelta(seconds=2 * settings.SWEEP_SECONDS) + GRACE)

    @property
    def since(self) -> datetime | None:
        """When it was connected, or last well."""
        if self.connection is None:
            return None
        return self.connection.finished_at if self.state == "away" else self.connection.started_at

    @property
    def _is_complete(self) -> bool:
        """Whether everything was listed after it was connected: what changed before is told by no event."""
        return bool(self.connection and self.listed_at and self.listed_at >= self.connection.started_at)

    def _was_well(self, within: timedelta) -> bool:
        connection = self.connection
        if connection is None or connection.finished_at is None or self.now - connection.finished_at > within:
            return False
        return within > ALIVE or connection.state == SyncRun.State.RUNNING
