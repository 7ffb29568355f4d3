"""Alive, ready, and what is said while the database is away."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import redis
from celery import signals
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.models import SyncRun
from portal import health, heartbeat
from portal.celery import app
from portal.heartbeat import Part
from portal.web import outages
from tests.support.databases import full_disk

# Asks a portal whose database or broker is away; prints status, seconds, Retry-After and body of each answer as JSON.
ASK = """
import json, os, sys, time
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
client.cookies["portal_session"] = "somebody-s-session"
client.get("/healthz")  # what is imported with the first request
for path in sys.argv[1:]:
    htmx, path = path.startswith("htmx:"), path.removeprefix("htmx:")
    began = time.monotonic()
    answer = client.get(path, headers={"HX-Request": "true"} if htmx else {})
    seconds = time.monotonic() - began
    told = [answer.status_code, seconds, answer.headers.get("Retry-After"), answer.content.decode()]
    print(json.dumps(told), flush=True)
os._exit(0)  # without waiting for connections that hang
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither an older report nor older heartbeats."""
    monkeypatch.setattr(health, "checks", health.Checks())
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.delete(*(part.key for part in Part))
    yield
    broker.delete(*(part.key for part in Part))
    broker.close()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


class Answer(NamedTuple):
    status: int
    seconds: float
    retry_after: str | None
    body: str


def ask(*paths: str, **environment: str) -> list[Answer]:
    variables = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"} | environment
    done = subprocess.run(
        [sys.executable, "-c", ASK, *paths], env=variables, capture_output=True, text=True, timeout=60, check=True
    )
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()


def test_alive_is_answered_to_anybody_without_asking_anybody(db: None, client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert len(queries) == 0


@pytest.mark.django_db(transaction=True)
def test_ready_tells_of_database_broker_worker_scheduler_and_the_last_good_sweep(client: Client) -> None:
    started = timezone.now() - timedelta(seconds=40)
    SyncRun.objects.create(kind="environments", state="succeeded", started_at=started, finished_at=started)
    all_beat()
    status, report = ready(client)
    assert status == 200
    assert report.pop("sweep")["seconds_ago"] in (40, 41)
    assert report.pop("worker")["seconds_ago"] in (0, 1)
    assert report.pop("scheduler")["seconds_ago"] in (0, 1)
    assert report.pop("events") == {"state": "never", "seconds_ago": None}, "which does not count"
    assert report.pop("token") == {"state": "unknown", "days_left": None, "read_only": None}, "nor does this"
    assert report == {"ready": True, "database": "ok", "broker": "ok"}


@pytest.mark.django_db(transaction=True)
def test_a_late_sweep_is_told_but_does_not_take_the_portal_out_of_service(client: Client) -> None:
    all_beat()
    status, report = ready(client)
    assert (status, report["sweep"]) == (200, {"state": "never", "seconds_ago": None})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dead", Part)
def test_without_a_worker_or_a_scheduler_the_portal_is_not_ready(client: Client, dead: Part) -> None:
    for part in set(Part) - {dead}:
        heartbeat.beat(part)
    status, report = ready(client)
    assert (status, report["broker"], report[dead.value]) == (503, "ok", {"state": "missing"})


@pytest.mark.django_db(transaction=True)
def test_with_a_full_disk_the_portal_is_not_ready_and_says_so(client: Client) -> None:
    all_beat()
    with full_disk():
        status, report = ready(client)
    assert (status, report["database"], report["sweep"]["state"]) == (503, "full", "never")


@pytest.mark.django_db(transaction=True)
def test_ready_is_worked_out_once_for_many_who_ask(client: Client) -> None:
    first = ready(client)
    all_beat()
    assert ready(client) == first


def test_celery_s_heartbeats_are_noted_and_expire() -> None:
    assert app.main == "portal"
    signals.heartbeat_sent.send(sender=None)
    seconds = heartbeat.seconds_since_beats()
    assert seconds[Part.SCHEDULER] is None
    assert seconds[Part.WORKER] is not None
    assert seconds[Part.WORKER] < 5
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        assert 0 < broker.ttl(Part.WORKER.key) <= heartbeat.EXPIRES_SECONDS


def all_beat() -> None:
    for part in Part:
        heartbeat.beat(part)


def test_a_database_or_broker_that_hangs_is_told_within_three_seconds_however_many_ask(deaf: int) -> None:
    away = {
        "DATABASE_URL": f"postgres://u:canary@127.0.0.1:{deaf}/x",
        "REDIS_URL": f"redis://:canary@127.0.0.1:{deaf}/0",
    }
    first, *others = ask(*["/readyz"] * 10, **away)
    report = json.loads(first.body)
    assert (first.status, report["ready"], report["database"], report["broker"]) == (503, False, "away", "away")
    assert first.seconds < 4
    assert sum(other.seconds for other in others) < 4
    assert "canary" not in first.body
    assert str(deaf) not in first.body


def test_pages_say_that_the_database_is_away_while_the_process_stays_alive(closed: int) -> None:
    away = f"postgres://u:canary@127.0.0.1:{closed}/x"
    alive, page, part = ask("/healthz", "/environments/", "htmx:/environments/", DATABASE_URL=away)
    assert alive.status == 200
    assert page.status == part.status == 503
    assert page.retry_after == part.retry_after == "30"
    assert "database cannot be reached" in page.body
    assert part.body == f"{outages.AWAY.heading}. {outages.AWAY.means}"
    assert "canary" not in page.body + part.body
    assert "Traceback" not in page.body
