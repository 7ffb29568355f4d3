"""A sync run that has to begin soon: requested of a worker until one did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from environments.models import SyncRun

log = structlog.get_logger()
LONGEST_WAIT = 60.0


class EarlyRun:
    """A run of `kind`, which `request` sends to a worker: not more often than each `spacing` seconds, then rarer."""

    def __init__(self, kind: SyncRun.Kind, request: Callable[[], None], spacing: float = 10.0) -> None:
        self._kind, self._request, self._spacing = kind, request, spacing
        self._since: datetime | None = None
        self._wait = 0.0
        self._requested_at = float("-inf")

    @property
    def is_wanted(self) -> bool:
        """Whether no run has succeeded yet that began late enough."""
        return self._since is not None

    def want(self, since: datetime) -> None:
        """Have a run that begins after `since`."""
        self._since = since

    def pursue(self, clock: float) -> None:
        """Notice that it succeeded, or request it; `clock` is monotonic seconds."""
        if self._since is None:
            return
        runs = SyncRun.objects.filter(kind=self._kind, state=SyncRun.State.SUCCEEDED, started_at__gte=self._since)
        if runs.exists():
            self._since, self._wait = None, 0.0
        elif clock - self._requested_at >= max(self._spacing, self._wait):
            self._requested_at, self._wait = clock, min(LONGEST_WAIT, max(2 * self._wait, self._spacing))
            self._send()

    def _send(self) -> None:
        try:
            self._request()
        except (OperationalError, RedisError, OSError) as error:
            log.warning("early run not requested", kind=self._kind, error=str(error))
