"""How long the overview and a timeline take, and what keeping the overview costs the sync.

100,000 environments with 1,000,000 transitions and three months of hours, one of them with 5,000 in a week that was
swept every minute; milliseconds through Django's test client. Needs Django set up and a migrated database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from tests.benchmarks.list_page import Row, measured_all, step

TRANSITIONS = 10  # of each environment
SWEEPS = 15
BUSY = 5_000  # transitions of the environment whose timeline is looked at
WEEK = 7 * 24 * 60  # minutes
PAST = """
    INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
    SELECT e.id, 'phase', step.old, step.new, at - interval '1 minute', at
    FROM generate_series(1, %(each)s) AS n
    CROSS JOIN environments_environment e
    CROSS JOIN LATERAL (SELECT %(now)s - (%(each)s - n) * interval '9 hours' - interval '2 minutes') AS moment(at)
    CROSS JOIN LATERAL (
        SELECT (ARRAY['STARTING', 'RUNNING', 'STOPPING', 'STOPPED'])[(n - 1) %% 4 + 1] AS new,
            (ARRAY['STOPPED', 'STARTING', 'RUNNING', 'STOPPING'])[(n - 1) %% 4 + 1] AS old
    ) AS word
    CROSS JOIN LATERAL (SELECT 'ENVIRONMENT_PHASE_' || word.old AS old, 'ENVIRONMENT_PHASE_' || word.new AS new) AS step
"""
CROWD = """
    INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
    SELECT %(id)s, (ARRAY['phase', 'machine_phase', 'content_phase', 'devcontainer_phase', 'failure'])[n %% 5 + 1],
        'PHASE_' || n / 5 %% 4, 'PHASE_' || (n / 5 + 1) %% 4, at - interval '1 minute', at
    FROM generate_series(1, %(count)s) AS n
    CROSS JOIN LATERAL (SELECT %(now)s - (%(count)s - n) * %(apart)s - interval '1 minute') AS moment(at)
"""
NEWS = """
    INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
    SELECT id, 'phase', 'ENVIRONMENT_PHASE_STARTING', phase, %(now)s - interval '1 minute', %(now)s
    FROM environments_environment WHERE phase = 'ENVIRONMENT_PHASE_RUNNING' LIMIT %(count)s
"""
HOURS = """
    INSERT INTO environments_snapshot (hour, dimension, at, counts)
    SELECT s.hour - n * interval '1 hour', s.dimension, s.at - n * interval '1 hour', s.counts
    FROM environments_snapshot s CROSS JOIN generate_series(1, 24 * 92) AS n
"""


def measure(rows: int) -> tuple[list[Row], dict[str, float]]:
    """The ways to look at the overview of `rows` environments, and at one busy environment's timeline; and the seconds
    that keeping the overview takes after a sweep."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from environments.overview.refresh import refresh_parts

    now = timezone.now()
    _fill(rows, now)
    seconds = {"first": _timed(lambda: refresh_parts(now - timedelta(minutes=90), everything=True))}
    _execute(HOURS, {})
    _execute("ANALYZE environments_snapshot", {})
    taken = []
    for number in range(SWEEPS):
        at = now - timedelta(seconds=60 * (SWEEPS - number))
        _execute(NEWS, {"now": at, "count": rows // 1000})
        taken.append(_timed(partial(refresh_parts, at)))
    seconds |= {"after a sweep": sorted(taken)[SWEEPS // 2], "at most": max(taken)}
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    urls = {"overview": "/"} | {f"overview, a {each}": f"/?period={each}&by=project" for each in ("day", "quarter")}
    busy, usual = _busy(now), _usual()
    urls[f"timeline of {TRANSITIONS} transitions, week"] = f"/environments/{usual}/timeline/?zoom=week"
    for zoom in ("hour", "day", "week", "all"):
        urls[f"timeline of {BUSY:,} transitions, {zoom}"] = f"/environments/{busy}/timeline/?zoom={zoom}"
    return measured_all({name: step(client, url) for name, url in urls.items()}), seconds


def _fill(rows: int, now: datetime) -> None:
    from tests.support import factories

    _execute(
        "TRUNCATE environments_environment, environments_sighting, environments_snapshot, environments_runningtime,"
        " environments_startup, environments_failurekind, environments_overviewpart, environments_syncrun,"
        " directory_member, directory_project, directory_runner, directory_environmentclass CASCADE",
        {},
    )
    factories.environments(rows)
    _execute(PAST, {"now": now, "each": TRANSITIONS})
    _sweeps(now, 100)
    _execute("VACUUM ANALYZE environments_environment", {})
    _execute("VACUUM ANALYZE environments_transition", {})


def _busy(now: datetime) -> UUID:
    """An environment that changed every two minutes for a week, all of it seen."""
    from environments.models import Environment, Sighting, SyncRun

    environment = Environment.objects.order_by("id")[0]
    since = now - timedelta(minutes=WEEK)
    Environment.objects.filter(pk=environment.pk).update(first_seen_at=since, created_at=since)
    Sighting.objects.update_or_create(environment=environment, defaults={"seen_at": now})
    _execute("DELETE FROM environments_transition WHERE environment_id = %(id)s", {"id": environment.pk})
    apart = timedelta(minutes=WEEK) / BUSY
    _execute(CROWD, {"id": environment.pk, "now": now, "count": BUSY, "apart": apart})
    SyncRun.objects.all().delete()
    _sweeps(now, WEEK)
    _execute("VACUUM ANALYZE environments_transition", {})
    _execute("VACUUM ANALYZE environments_syncrun", {})
    return environment.pk


def _usual() -> UUID:
    """An environment that changed as often as most."""
    from environments.models import Environment

    return Environment.objects.order_by("id")[1].pk


def _sweeps(now: datetime, minutes: int) -> None:
    _execute(
        "INSERT INTO environments_syncrun (kind, state, started_at, finished_at, pages, requests, retries, listed,"
        " changed, transitions, malformed, missing, gone, error_code, error, request_id)"
        " SELECT 'environments', 'succeeded', %(now)s - n * interval '1 minute', %(now)s - n * interval '1 minute',"
        " 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '' FROM generate_series(0, %(minutes)s) AS n",
        {"now": now, "minutes": minutes},
    )


def _execute(statement: str, values: Mapping[str, datetime | timedelta | int | UUID]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began
