"""Health checks for monitoring, and the error page while the database is down."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseFailure
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from environments.models import SyncRun
from environments.sync.freshness import Freshness, freshness
from portal.heartbeat import seconds_since_beat
from portal.web import errors
from portal.web.htmx import htmx_of

CHECK_SECONDS = 2.5
CACHED_SECONDS = 2.0
AWAY = (
    "The portal's database cannot be reached. Nothing is lost: try again in a minute, or tell whoever runs the portal."
)
# classes of SQLSTATE: connection exception, operator intervention (shutdown, start), insufficient resources
CONNECTION_TROUBLE = ("08", "57P", "53")
T = TypeVar("T")


@login_not_required
def alive(request: HttpRequest) -> HttpResponse:
    """`/healthz`: this process answers. Nothing else is checked."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """`/readyz`: 200 if database and broker answer and a worker is alive, else 503; within three seconds.

    The age of the last successful listing is reported but does not count: cached data is worth showing while Ona is
    down.
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
        asked = self._pool.submit(_sweep), self._pool.submit(_heartbeat)
        sweep, heartbeat = (_answer(future, deadline) for future in asked)
        return {
            "ready": sweep is not None and heartbeat is not None and heartbeat["state"] == "ok",
            "database": "ok" if sweep else "away",
            "broker": "ok" if heartbeat else "away",
            "worker": heartbeat or {"state": "unknown"},
            "sweep": sweep or {"state": "unknown"},
        }


checks = Checks()


def _answer(future: Future[T], deadline: float) -> T | None:
    """The result, or None if it failed or missed the deadline."""
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()))
    except (OSError, TimeoutError, redis.RedisError, DatabaseFailure):
        return None


def _sweep() -> dict[str, Any]:
    """The age of the last successful listing in seconds, from the database."""
    try:
        (sweep,) = freshness(SyncRun.Kind.ENVIRONMENTS)
        return _told(sweep)
    finally:
        connection.close()  # this thread's own; back to the pool


def _told(sweep: Freshness) -> dict[str, Any]:
    return {"state": sweep.state, "seconds_ago": round(sweep.age.total_seconds()) if sweep.age is not None else None}


def _heartbeat() -> dict[str, Any]:
    """How long ago a worker was last alive, from the broker."""
    seconds = seconds_since_beat()
    return {"state": "missing"} if seconds is None else {"state": "ok", "seconds_ago": round(seconds)}


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 with a clear message if the database is down, wherever that was noticed."""
    if not is_database_away(sys.exc_info()[1]):
        return errors.server_error(request)
    if htmx_of(request) is not None:
        response = HttpResponse(AWAY, content_type="text/plain; charset=utf-8", status=503)
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = "30"
    return response


def is_database_away(error: BaseException | None) -> bool:
    """Whether `error` means that there is no connection, rather than that a statement failed."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(CONNECTION_TROUBLE)
