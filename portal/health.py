"""Health checks for monitoring, and the error page while the database is down."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseFailure
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.directory.own_token import TokenState, own_token
from portal.heartbeat import Part, seconds_since_beats
from portal.web import errors, outages

CHECK_SECONDS = 2.5
CACHED_SECONDS = 2.0
T = TypeVar("T")
Told = dict[str, Any] | None
Database = tuple[str, Told, Told, Told]
AWAY: Database = ("away", None, None, None)


@login_not_required
def alive(request: HttpRequest) -> HttpResponse:
    """`/healthz`: this process answers. Nothing else is checked."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """`/readyz`: 200 if database (with space left) and broker answer and worker and scheduler are alive, else 503.

    It takes three seconds at most. The age of the last successful listing, the event stream and the portal's token for
    Ona are reported but do not count: cached data is worth showing while Ona is down, and a portal out of service could
    not say that its token has expired.
    """
    report = checks.report()
    return JsonResponse(report, status=200 if report["ready"] else 503)


class Checks:
    """The newest report, renewed at most every two seconds however often it is requested."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="readyz")
        self._made_at = float("-inf")
        self._report: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() - self._made_at > CACHED_SECONDS:
                self._report = self._make()
                self._made_at = time.monotonic()
            return self._report

    def _make(self) -> dict[str, Any]:
        deadline = time.monotonic() + CHECK_SECONDS
        asked, heard = self._pool.submit(_database), self._pool.submit(_heartbeats)
        (state, sweep, events, token), heartbeats = _answer(asked, deadline) or AWAY, _answer(heard, deadline)
        return {
            "ready": state == "ok"
            and heartbeats is not None
            and all(each["state"] == "ok" for each in heartbeats.values()),
            "database": state,
            "broker": "ok" if heartbeats else "away",
            **(heartbeats or {part.value: {"state": "unknown"} for part in Part}),
            "sweep": sweep or {"state": "unknown"},
            "events": events or {"state": "unknown"},
            "token": token or {"state": "unknown"},
        }


checks = Checks()


def _answer(future: Future[T], deadline: float) -> T | None:
    """The result, or None if it failed or missed the deadline."""
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()))
    except (OSError, TimeoutError, redis.RedisError, DatabaseFailure):
        return None


def _database() -> Database:
    """Whether the database can be written ("ok" or "full"); the last full listing, the event stream, the token."""
    try:
        (sweep,) = freshness(SyncRun.Kind.ENVIRONMENTS)
        stream = sweep.stream
        events = _told(stream.state, stream.now - stream.since if stream.since else None)
        is_refused = sweep.failure is not None and sweep.failure.error_code == "unauthenticated"
        listed, token = _told(sweep.state, sweep.age), _of_token(own_token(), is_refused=is_refused)
        return "ok" if outages.has_space() else "full", listed, events, token
    finally:
        connection.close()  # this thread's own; back to the pool


def _told(state: str, age: timedelta | None) -> dict[str, Any]:
    return {"state": state, "seconds_ago": round(age.total_seconds()) if age is not None else None}


def _of_token(token: TokenState, *, is_refused: bool) -> dict[str, Any]:
    """Its state, the days that it has left, and whether it may only read: null if Ona does not say."""
    return {
        "state": "refused" if is_refused and not token.is_expired else token.word,
        "days_left": None if token.days_left is None else round(token.days_left, 1),
        "read_only": token.stored.is_read_only if token.stored else None,
    }


def _heartbeats() -> dict[str, dict[str, Any]]:
    """How long ago worker and scheduler were last alive, from the broker."""
    return {
        part.value: {"state": "missing"} if seconds is None else {"state": "ok", "seconds_ago": round(seconds)}
        for part, seconds in seconds_since_beats().items()
    }


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 with a clear message in an outage of the database, wherever that was noticed."""
    outage = outages.outage_of(sys.exc_info()[1])
    return outages.answer(request, outage) if outage else errors.server_error(request)
