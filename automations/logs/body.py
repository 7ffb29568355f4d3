"""The body of a response that passes on a log while it grows.

For the viewer (`framed`) two bytes have a meaning; they cannot occur in a log, whose control characters are replaced.
BEAT: nothing new for a while (so that a closed browser is noticed). FRAME begins the last line, a JSON object {"state",
"text"}: "ended", "again" (the response's time is over, request the rest with ?skip=) or "broken". Other readers get a
last line in words, unless the log ended well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread

from django.conf import settings
from django.db import connection

from automations.logs.access import SLOTS
from automations.logs.text import Cleaner
from portal.ona.log_errors import LogBroken, LogError
from portal.ona.logs import LogStream

BEAT, FRAME = b"\x16", b"\x1e"
BEAT_SECONDS = 5.0
QUIET_SECONDS = 60.0
AGAIN = "There is more to read: reload to go on."
QUIET = "Nothing new came for a minute. Reload to go on."


class _Quiet:
    """Nothing arrived for BEAT_SECONDS."""


class LogBody(Iterator[bytes]):
    """The body. The first `skip` bytes are omitted, for readers who have them; `close()` ends everything."""

    def __init__(self, source: LogStream, *, framed: bool, colours: bool, skip: int = 0) -> None:
        self._source, self._framed, self._skip = source, framed, skip
        self._cleaner = Cleaner(colours=colours)
        self._ends_at = time.monotonic() + settings.LOG_STREAM_SECONDS
        # One chunk only: a slow reader slows down the source.
        self._queue: Queue[bytes | LogError | None] = Queue(1)
        self._is_over = Event()
        self._body = self._generate()

    def __next__(self) -> bytes:
        return next(self._body)

    def close(self) -> None:
        """Close the source and free the slot; may be called again, and before reading."""
        if not self._is_over.is_set():
            self._is_over.set()
            self._source.close()
            SLOTS.leave()
        self._body.close()

    def _generate(self) -> Generator[bytes, None, None]:
        if not connection.in_atomic_block:
            connection.close()  # for pages to use: a log can take a quarter of an hour
        Thread(target=self._read, name="log", daemon=True).start()
        state, text = "ended", ""
        try:
            for chunk in self._chunks():
                if isinstance(chunk, str):
                    state, text = "again", chunk
                    break
                if chunk:
                    yield chunk
        except LogError as error:
            state, text = "broken", error.for_people()
        if rest := self._unread(self._cleaner.end() if state == "ended" else b""):
            yield rest
        yield self._last(state, text)

    def _chunks(self) -> Iterator[bytes | str]:
        """Cleaned chunks and beats; a text if the response ends before the log does. LogError if the log breaks."""
        quiet = 0.0
        while time.monotonic() < self._ends_at:
            chunk = self._next()
            if chunk is None:
                return
            if isinstance(chunk, LogError):
                raise chunk
            if isinstance(chunk, bytes):
                quiet = 0.0
                yield self._unread(self._cleaner.clean(chunk))
            elif self._framed:
                yield BEAT
            else:
                quiet += BEAT_SECONDS
                if quiet >= QUIET_SECONDS:
                    yield QUIET
        yield AGAIN

    def _next(self) -> bytes | LogError | _Quiet | None:
        try:
            return self._queue.get(timeout=BEAT_SECONDS)
        except Empty:
            return _Quiet()

    def _unread(self, text: bytes) -> bytes:
        skipped = min(self._skip, len(text))
        self._skip -= skipped
        return text[skipped:] if skipped else text

    def _last(self, state: str, text: str) -> bytes:
        if self._framed:
            return FRAME + json.dumps({"state": state, "text": text}).encode() + b"\n"
        return f"\n--- Environment Portal: {text} ---\n".encode() if text else b""

    def _read(self) -> None:
        """Read in a thread, so that silence is noticed: a blocking read cannot be interrupted and resumed."""
        end: LogError | None = None
        try:
            for chunk in self._source:
                if not self._put(chunk):
                    return
        except LogError as error:
            end = error
        self._put(end)

    def _put(self, item: bytes | LogError | None) -> bool:
        while not self._is_over.is_set():
            try:
                self._queue.put(item, timeout=1)
            except Full:
                continue
            return True
        return False


class RawBody(LogBody):
    """A file as it comes. One that breaks off ends the connection, so that no browser takes it for whole."""

    def __init__(self, source: LogStream) -> None:
        super().__init__(source, framed=False, colours=True)
        self._cleaner = _Unchanged(colours=True)

    def _last(self, state: str, text: str) -> bytes:
        if state != "ended":
            raise LogBroken(text)
        return b""


class _Unchanged(Cleaner):
    def clean(self, chunk: bytes) -> bytes:
        return chunk

    def end(self) -> bytes:
        return b""
