"""The record of a connection to the organization's stream: a sync run, which is well until its `finished_at`."""

from __future__ import annotations

from django.utils import timezone

from environments.models import SyncRun
from portal.ona import OnaError
from portal.watching.fetch import Outcome

EVENTS, RUNNING, FAILED = SyncRun.Kind.EVENTS, SyncRun.State.RUNNING, SyncRun.State.FAILED


class Record:
    """The connection of this process, if there is one."""

    def __init__(self) -> None:
        self.run: SyncRun | None = None

    def begin(self) -> SyncRun:
        """A new connection. Earlier ones that are open still ended with their process: one watcher runs at a time."""
        now = timezone.now()
        SyncRun.objects.filter(kind=EVENTS, state=RUNNING).update(
            state=FAILED, error_code="interrupted", error="The process that read it ended without finishing."
        )
        self.run = SyncRun.objects.create(kind=EVENTS, state=RUNNING, started_at=now, finished_at=now)
        return self.run

    def add(self, *, events: int = 0, requests: int = 0, outcome: Outcome | None = None) -> None:
        """Count; written with the next confirmation."""
        if self.run is None:
            return
        self.run.listed += events
        self.run.requests += requests
        if outcome:
            self.run.changed += outcome.changed
            self.run.transitions += outcome.transitions
            self.run.gone += outcome.deleted

    def confirm(self) -> None:
        """It is well."""
        if self.run is not None:
            self.run.finished_at = timezone.now()
            self.run.save()

    def end(self, error: OnaError | None) -> None:
        """It ended. An attempt that fails before it began is recorded once, until another error or a connection."""
        run, self.run = self.run, None
        if run is None:
            if error is None or self._is_known(error):
                return
            now = timezone.now()
            run = SyncRun(kind=EVENTS, started_at=now, finished_at=now)
        run.state = SyncRun.State.SUCCEEDED
        if error is not None:
            run.state, run.error_code, run.error = FAILED, error.code, error.for_people()
            run.request_id = error.request_id or ""
        run.save()

    def _is_known(self, error: OnaError) -> bool:
        newest = SyncRun.objects.filter(kind=EVENTS).order_by("-started_at").first()
        return newest is not None and (newest.state, newest.error_code) == (FAILED, error.code)
