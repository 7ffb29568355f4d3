"""The change tokens of topics, made again only after something was written to the database.

Two equal snapshots of Postgres see the same rows: while the snapshot stays, so do the tokens, and a page that asks for
news costs no query of its own. Some tokens go by the time as well, so that none is kept for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from django.db import connection

LOOK_SECONDS = 0.25  # between two looks at the snapshot
KEPT_SECONDS = 30.0
ALLOWED_SECONDS = 120.0  # after which the session and its permissions are checked again
MOST = 10_000  # readers and topics of a process
NEVER = (float("-inf"), "")
FORBIDDEN: tuple[float, Callable[[], str]] = (float("-inf"), str)


@dataclass
class Tokens:
    """Those of this process. Thread-safe."""

    _snapshot: str = ""
    _looked_at: float = float("-inf")
    _made: dict[str, tuple[float, str]] = field(default_factory=dict)
    _allowed: dict[tuple[str, str], tuple[float, Callable[[], str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _looking: Lock = field(default_factory=Lock)

    def token(self, about: str, make: Callable[[], str]) -> str:
        """The token of `about`, by `make` unless nothing was written since."""
        self._look()
        now, snapshot = time.monotonic(), self._snapshot
        made_at, token = self._made.get(about, NEVER)
        if now - made_at < KEPT_SECONDS:
            return token
        token = make()
        with self._lock:
            if snapshot == self._snapshot:  # else it may be older than the newer one
                self._made[about] = now, token
        return token

    def allow(self, reader: str, about: str, make: Callable[[], str]) -> None:
        """Let `reader` (a header of cookies) ask about it for a while: permissions were checked."""
        now = time.monotonic()
        with self._lock:
            if len(self._allowed) >= MOST:
                self._allowed = {key: each for key, each in self._allowed.items() if each[0] > now}
            if len(self._allowed) < MOST:
                self._allowed[reader, about] = now + ALLOWED_SECONDS, make

    def token_for(self, reader: str, about: str) -> str | None:
        """The token, if this reader is allowed to ask; None if that is to be checked."""
        until, make = self._allowed.get((reader, about), FORBIDDEN)
        return self.token(about, make) if time.monotonic() < until else None

    def known(self, reader: str, about: str) -> str | None:
        """The same, only if it is known without a query: this never waits."""
        now, (made_at, token) = time.monotonic(), self._made.get(about, NEVER)
        is_new = now - self._looked_at < LOOK_SECONDS and now - made_at < KEPT_SECONDS
        return token if is_new and now < self._allowed.get((reader, about), FORBIDDEN)[0] else None

    def _look(self) -> None:
        """See whether anything was written, if nobody has looked lately; one thread at a time."""
        with self._looking:
            began = time.monotonic()
            if began - self._looked_at < LOOK_SECONDS:
                return
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_snapshot()::text")
                (snapshot,) = cursor.fetchone()
            with self._lock:
                if snapshot != self._snapshot:
                    self._snapshot, self._made = snapshot, {}
                self._looked_at = began


tokens = Tokens()
