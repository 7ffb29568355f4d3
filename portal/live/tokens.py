"""The change tokens of topics, made again only after something was written to the database.

Two equal snapshots of Postgres see the same rows: while the snapshot stays, so do the tokens, and a page that asks for
news costs no query of its own. Some tokens go by the time as well, so that none is kept for long.

A page whose token is still the same can wait for another one (`hold`): as long as any does, somebody has to `renew`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from django.db import Error, connection
from django.http import Http404

LOOK_SECONDS = 0.25  # between two looks at the snapshot
KEPT_SECONDS = 30.0
ALLOWED_SECONDS = 120.0  # after which the session and its permissions are checked again
HELD_SECONDS = 25.0  # that a page waits for news at most: proxies cut off what is silent for a minute
MOST = 10_000  # readers and topics of a process
NEVER = (float("-inf"), "")
Make = Callable[[], str]
FORBIDDEN: tuple[float, Make] = (float("-inf"), str)


@dataclass
class Tokens:
    """Those of this process. Thread-safe."""

    is_blind: bool = False  # the last look failed
    _snapshot: str = ""
    _looked_at: float = float("-inf")
    _made: dict[str, tuple[float, str]] = field(default_factory=dict)
    _allowed: dict[tuple[str, str], tuple[float, Make]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _looking: Lock = field(default_factory=Lock)

    def token(self, about: str, make: Make) -> str:
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

    def allow(self, reader: str, about: str, make: Make) -> None:
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

    def hold(self, reader: str, about: str, seen: str) -> tuple[float, Make] | None:
        """Until when (monotonic) this reader may wait for another token than `seen`, and what makes it; None if that is
        to be answered or checked now. Never waits itself."""
        (until, make), now = self._allowed.get((reader, about), FORBIDDEN), time.monotonic()
        may_be_same = seen and self.newest(about) in (None, seen)  # not made again yet: whoever renews it tells
        return (min(until, now + HELD_SECONDS), make) if may_be_same and now < until and not self.is_blind else None

    def newest(self, about: str) -> str | None:
        """The token as of the last look; None if it has to be made."""
        made = self._made.get(about)
        return made[1] if made else None

    def renew(self, makes: Mapping[str, Make]) -> bool:
        """Bring the tokens of these topics up to date; whether whoever waits for one has to look at it."""
        try:
            self._look()
            old = [about for about in makes if time.monotonic() - self._made.get(about, NEVER)[0] >= KEPT_SECONDS]
            for about in old:
                with suppress(Http404, ValueError):  # the view tells so, after the wait
                    self.token(about, makes[about])
        except Error:
            self.is_blind = True  # and the view tells why
        finally:
            connection.close()  # back to the pool
        return self.is_blind or bool(old)

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
                self._looked_at, self.is_blind = began, False


tokens = Tokens()
