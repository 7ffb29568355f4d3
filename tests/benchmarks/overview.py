"""How long the overview takes, and what keeping it costs the sync.

100,000 environments with 1,000,000 transitions and three months of hours; milliseconds through Django's test client.
Needs Django set up and a migrated database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from tests.benchmarks.list_page import Row, measured_all, step

TRANSITIONS = 10  # of each environment
SWEEPS = 15
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
    """The ways to look at the overview of `rows` environments; and the seconds that keeping it takes after a sweep."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from environments.rollups.keeping import keep

    now = timezone.now()
    _fill(rows, now)
    seconds = {"first": _timed(lambda: keep(now - timedelta(minutes=90), everything=True))}
    _execute(HOURS, {})
    _execute("ANALYZE environments_snapshot", {})
    taken = []
    for number in range(SWEEPS):
        at = now - timedelta(seconds=60 * (SWEEPS - number))
        _execute(NEWS, {"now": at, "count": rows // 1000})
        taken.append(_timed(partial(keep, at)))
    seconds |= {"after a sweep": sorted(taken)[SWEEPS // 2], "at most": max(taken)}
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    urls = {"overview": "/"} | {f"overview, a {each}": f"/?period={each}&by=project" for each in ("day", "quarter")}
    return measured_all({name: step(client, url) for name, url in urls.items()}), seconds


def _fill(rows: int, now: datetime) -> None:
    from tests import factories

    _execute(
        "TRUNCATE environments_environment, environments_sighting, environments_snapshot, environments_runningtime,"
        " environments_startup, environments_failurekind, environments_overviewpart, environments_syncrun,"
        " directory_member, directory_project, directory_runner, directory_environmentclass CASCADE",
        {},
    )
    factories.environments(rows)
    _execute(PAST, {"now": now, "each": TRANSITIONS})
    _sweeps(now)
    _execute("VACUUM ANALYZE environments_environment", {})
    _execute("VACUUM ANALYZE environments_transition", {})


def _sweeps(now: datetime) -> None:
    _execute(
        "INSERT INTO environments_syncrun (kind, state, started_at, finished_at, pages, requests, retries, listed,"
        " changed, transitions, malformed, missing, gone, error_code, error, request_id)"
        " SELECT 'environments', 'succeeded', %(now)s - n * interval '1 minute', %(now)s - n * interval '1 minute',"
        " 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '' FROM generate_series(0, 100) AS n",
        {"now": now},
    )


def _execute(statement: str, values: dict[str, datetime | int]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began
