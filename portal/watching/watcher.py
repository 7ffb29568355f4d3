"""The watcher: takes what the streams tell, and reads what they hint at, in one thread beside those of the streams."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from automations.tasks import sync_automations
from environments.models import SyncRun
from environments.overview.refresh import refresh_counts
from environments.sync import looked_at
from environments.sync.event_stream import CONFIRMED
from environments.tasks import sync_directory, sync_environments
from portal.directory.connection import ona
from portal.ona import errors
from portal.ona.events import Event
from portal.watching.attention import chosen, in_progress
from portal.watching.early_run import EarlyRun
from portal.watching.fetch import AUTOMATIONS, ENVIRONMENT, READABLE, Outcome, fetch
from portal.watching.hints import Hints, Thing
from portal.watching.record import Record
from portal.watching.streams import Ended, Heard, Message, Opened, Reader

log = structlog.get_logger()
TICK_SECONDS = 1.0
STORM_SECONDS = 2.0  # what takes longer to read one by one is listed
COUNT_SHARE = 0.25  # of the time, at most, the overview is counted again
DIRECTORY = frozenset({"PROJECT", "RUNNER"})
SEND = {"retry": False, "expires": 60}


class Watcher:
    """Keeps the tables as new as the event stream, until it is stopped."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        self._hints = Hints(most=max(1, int(settings.ONA_REQUESTS_PER_SECOND * STORM_SECONDS)))
        self._record = Record()
        self._readers: dict[UUID | None, Reader] = {}
        self._early = {
            ENVIRONMENT: EarlyRun(SyncRun.Kind.ENVIRONMENTS, lambda: _send(sync_environments)),
            AUTOMATIONS: EarlyRun(SyncRun.Kind.AUTOMATIONS, lambda: _send(sync_automations, everything=False)),
            "DIRECTORY": EarlyRun(SyncRun.Kind.DIRECTORY, lambda: _send(sync_directory), spacing=60.0),
        }
        self._ticked_at = self._confirmed_at = float("-inf")
        self._looked_at: list[str] = []
        self._uncounted, self._count_at = False, 0.0

    def stop(self) -> None:
        """End `run` soon; from a signal handler or another thread."""
        self._inbox.put(None)

    def run(self) -> None:
        """Watch; raises what only another start may mend, such as a lost database."""
        self._read(None)
        try:
            while self._take_messages():
                now = time.monotonic()
                self._fetch_due(now)
                if now - self._ticked_at >= TICK_SECONDS:
                    self._ticked_at = now
                    self._tick(now)
                self._count()
        finally:
            for reader in self._readers.values():
                reader.stop()
        self._record.end(None)

    def _take_messages(self) -> bool:
        """Wait for messages or for what is due, and take them all; False if a stop is one of them."""
        now = time.monotonic()
        waits = [max(0.0, self._ticked_at + TICK_SECONDS - now), self._hints.seconds_left(now)]
        if self._is_to_be_counted:
            waits.append(max(0.0, self._count_at - now))
        try:
            message = self._inbox.get(timeout=min(wait for wait in waits if wait is not None))
            while message is not None:
                self._take(message)
                message = self._inbox.get_nowait()
        except Empty:
            return True
        return False

    def _take(self, message: Message) -> None:
        match message:
            case Opened(scope=None):
                self._early[ENVIRONMENT].want(self._record.begin().started_at)
            case Opened(scope=UUID() as scope):
                self._hints.add(Thing(AUTOMATIONS, scope), time.monotonic())
            case Heard(event=event):
                self._record.add(events=1)
                self._take_event(event)
            case Ended(scope=None, error=error):
                log.info("event stream ended", error=str(error or "in good order"))
                self._record.end(error)
            case Ended(scope=scope, error=errors.NotFound()):
                self._readers.pop(scope, None)

    def _take_event(self, event: Event) -> None:
        resource = event.resource_type.removeprefix("RESOURCE_TYPE_")
        if event.resource_id is not None and resource in READABLE:
            self._hints.add(Thing(resource, event.resource_id), time.monotonic())
        elif resource in DIRECTORY and not event.operation.endswith("_UPDATE_STATUS"):
            self._early["DIRECTORY"].want(timezone.now())

    def _fetch_due(self, now: float) -> None:
        if storm := self._hints.take_storm():
            self._list_early(storm)
        due = self._hints.take_due(now)
        if not due:
            return
        outcome = fetch(due)
        self._record.add(requests=len(due), outcome=outcome)
        self._uncounted = self._uncounted or outcome.changed > 0
        self._settle(due, outcome)

    def _settle(self, due: list[Thing], outcome: Outcome) -> None:
        """Read again what could not be read; what cannot be read at all, the next listing reads."""
        now, failed = time.monotonic(), set(outcome.failed)
        for thing in due:
            if thing not in failed:
                self._hints.settle(thing)
        lost = {thing.resource for thing in failed if not self._hints.retry(thing, now)}
        if lost or outcome.is_doubtful:
            self._list_early(lost or {ENVIRONMENT})

    def _list_early(self, resources: set[str]) -> None:
        now = timezone.now()
        if ENVIRONMENT in resources:
            self._early[ENVIRONMENT].want(now)
        if resources - {ENVIRONMENT}:
            self._early[AUTOMATIONS].want(now)

    def _tick(self, now: float) -> None:
        close_old_connections()
        if now - self._confirmed_at >= CONFIRMED.total_seconds():
            self._confirmed_at = now
            self._record.confirm()
        for run in self._early.values():
            run.pursue(now)
        try:
            self._looked_at = looked_at.names()
        except (redis.RedisError, OSError):
            return  # the streams of before stay
        self._attend(chosen(self._looked_at, in_progress(), self._readers))

    def _attend(self, environments: list[UUID]) -> None:
        """Have the streams of these environments, besides the organization's."""
        for scope in [scope for scope in self._readers if scope is not None and scope not in environments]:
            self._readers.pop(scope).stop()
        for scope in environments:
            if scope not in self._readers:
                self._read(scope)

    def _read(self, scope: UUID | None) -> None:
        reader = self._readers[scope] = Reader(ona(), self._inbox, scope)
        reader.start()

    @property
    def _is_to_be_counted(self) -> bool:
        """Whether somebody looks at figures that are older than the rows; else the next listing counts them."""
        return self._uncounted and looked_at.OVERVIEW in self._looked_at

    def _count(self) -> None:
        """Bring the figures of the overview up to date, if it is time."""
        began = time.monotonic()
        if not self._is_to_be_counted or began < self._count_at:
            return
        self._uncounted = False
        refresh_counts(timezone.now())
        ended = time.monotonic()
        self._count_at = ended + (ended - began) / COUNT_SHARE


def _send(task: object, **arguments: bool) -> None:
    task.apply_async(kwargs=arguments, **SEND)  # type: ignore[attr-defined]
