"""How long the lists across the organization take, beside Django admin's list of the same table in the same run.

100,000 executions of 300,000 tasks in 100,000 environments; milliseconds through Django's test client. Needs Django set
up and a migrated database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

from tests.benchmarks.list_page import HTMX, Row, measured_all, step

LIST, ADMIN = "/automations/", "/admin/automations/taskexecution/"
REFERENCES = 200


def measure(rows: int) -> tuple[list[Row], float]:
    """Every way to look at `rows` executions in as many environments, and the seconds that counting anew takes."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from automations.sync.summaries import refresh
    from tests.support import automation_factories, factories

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE environments_environment, environments_sighting, directory_member, directory_project,"
            " directory_runner, directory_environmentclass CASCADE"
        )
    automation_factories.empty()
    factories.environments(rows)
    automation_factories.fill(rows, REFERENCES)
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    measured = measured_all({name: step(client, url) for name, url in _urls().items()} | _others(client))
    began = time.perf_counter()
    refresh()
    return measured, time.perf_counter() - began


def _urls() -> dict[str, str]:
    """Every page measured, by its name; names of what is held against the admin's list begin with "list"."""
    from automations.executions.list import EXECUTIONS
    from automations.models import TaskExecution

    row = TaskExecution.objects.filter(project_id__isnull=False).exclude(owner_name="").earliest("created_at")
    queries: dict[str, dict[str, object]] = {
        "list": {},
        "list, 100 rows": {"size": 100},
        "list, failed": {"phase": "failed"},
        "list, a task": {"reference": row.reference},
        "list, a task's failures": {"reference": row.reference, "phase": "failed"},
        "list, project": {"project": row.project_id},
        "list, owner": {"owner": row.owner_id},
        "list, started by": {"by": row.owner_id},
        "list, environment": {"environment": row.environment_id},
        "list, last 24 h": {"since": "24h"},
        "list, over 10 min": {"duration": ">10m"},
        "list, words of a few": {"q": row.environment_name},
        "list, words of many": {"q": "build ann"},
        "list, search language": {"q": "phase:failed task:build owner:ann created:<7d duration:>10m"},
    }
    queries |= {f"list, by {sort}": {"sort": sort} for sort in EXECUTIONS.by_sort}
    urls = {name: f"{LIST}?{urlencode(query)}" for name, query in queries.items()}
    return urls | {
        "tasks by reference": f"{LIST}tasks/",
        "services by reference": f"{LIST}services/",
        "environments of a task": f"{LIST}tasks/{row.reference}/",
        "environments in which a service failed": f"{LIST}services/build-server/?phase=failed",
    }


def _others(client: object) -> dict[str, Callable[[], None]]:
    from django.core.cache import cache

    from automations.executions.list import revision

    facets = step(client, f"{LIST}executions/facets/")

    def facets_anew() -> None:
        cache.clear()
        facets()

    seen = urlencode({"seen": revision()})
    return {
        "list, by htmx": step(client, LIST, **HTMX),
        "nothing new": step(client, f"{LIST}executions/changes/?{seen}"),
        "facets, counted anew": facets_anew,
        "facets": facets,
        "admin": step(client, ADMIN),
    }
