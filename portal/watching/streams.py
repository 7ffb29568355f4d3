"""Reading an event stream in a thread of its own, and opening it again whenever it ends."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from uuid import UUID

from django.conf import settings

from portal.ona import OnaClient, OnaError, errors
from portal.ona.events import Event, EventStream
from portal.watching.reconnecting import failures_after, pause_before


@dataclass(frozen=True, slots=True)
class Opened:
    """Ona accepted the stream of `scope`: an environment, or None for the organization."""

    scope: UUID | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of it."""

    scope: UUID | None
    event: Event


@dataclass(frozen=True, slots=True)
class Ended:
    """It ended, with an error unless Ona ended it in good order; it is opened again after a pause."""

    scope: UUID | None
    error: OnaError | None


Message = Opened | Heard | Ended


class Reader(Thread):
    """Reads the stream of `scope` into `inbox` until it is stopped, or Ona does not know the environment."""

    def __init__(self, client: OnaClient, inbox: SimpleQueue[Message | None], scope: UUID | None = None) -> None:
        super().__init__(name=f"events of {scope or 'the organization'}", daemon=True)
        self._client, self._inbox, self._scope = client, inbox, scope
        self._stopped = Flag()
        self._stream: EventStream | None = None
        self._opened_at: float | None = None

    def stop(self) -> None:
        """End it; from any thread, without waiting."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.close()

    def run(self) -> None:
        """Read it, again and again."""
        failures = 0
        while not self._stopped.is_set():
            self._opened_at = None
            error = self._read()
            if self._stopped.is_set():
                return
            self._inbox.put(Ended(self._scope, error))
            if self._scope is not None and isinstance(error, errors.NotFound):
                return
            failures = failures_after(failures, time.monotonic() - self._opened_at if self._opened_at else 0.0)
            self._stopped.wait(pause_before(failures, random.random(), error.retry_after if error else None))  # noqa: S311 (no secret)

    def _read(self) -> OnaError | None:
        """Read it to its end; why that came, None if it was in good order."""
        idle = settings.STREAM_SILENCE_SECONDS
        with self._client.watch_events(self._scope, idle=idle, opened=self._note_opened) as self._stream:
            if self._stopped.is_set():  # while it was made
                return None
            try:
                for event in self._stream:
                    self._inbox.put(Heard(self._scope, event))
            except OnaError as error:
                return error
        return None

    def _note_opened(self) -> None:
        self._opened_at = time.monotonic()
        self._inbox.put(Opened(self._scope))
