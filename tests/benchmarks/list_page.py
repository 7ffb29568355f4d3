"""How long the list of environments takes, in every way it is looked at, beside Django admin's list of the same table.

`python -m tests.benchmarks.list_page [ROWS]`; milliseconds from request to whole answer, through Django's test client.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

ROUNDS = 30
LIST, ADMIN = "/environments/", "/admin/environments/environment/"
HTMX = {"HX-Request": "true", "HX-Target": "list"}


@dataclass(frozen=True, slots=True)
class Row:
    """One way to look at the list, in milliseconds; `is_page` for what is held against the admin's list."""

    name: str
    p50: float
    p95: float
    is_page: bool


def measure(rows: int) -> list[Row]:
    """Fill the empty tables with `rows` environments and look at them; needs Django set up and a migrated database."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from tests.support import factories

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE environments_environment, environments_sighting, directory_member, directory_project,"
            " directory_runner, directory_environmentclass CASCADE"
        )
    factories.environments(rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE environments_environment")
    client = Client(SERVER_NAME="localhost")
    name = f"bench-{time.time_ns()}"
    client.force_login(User.objects.create_superuser(name), backend="django.contrib.auth.backends.ModelBackend")
    return measured_all({name: step(client, url) for name, url in _urls().items()} | _others(client))


def _urls() -> dict[str, str]:
    """Every page measured, by its name; names of pages of the portal's list say "list"."""
    from environments.list.list import ENVIRONMENTS
    from environments.models import Environment

    row = Environment.objects.present().filter(project_id__isnull=False).exclude(owner_name="").earliest("created_at")
    queries: dict[str, dict[str, object]] = {
        "list": {},
        "list, 100 rows": {"size": 100},
        "list, phase": {"phase": "running"},
        "list, archived": {"archived": "yes"},
        "list, lockdown past": {"lockdown": "past"},
        "list, idle 30 d": {"idle": 30},
        "list, failing": {"flag": "failing"},
        "list, never stops and running": {"flag": "never-stops", "phase": "running"},
        "list, owner": {"owner": row.creator_id},
        "list, project": {"project": row.project_id},
        "list, runner": {"runner": row.runner_id},
        "list, class": {"class": row.class_id},
        "list, role": {"role": "workflow"},
        "list, words of a few": {"q": f"{row.name}"},
        "list, words of many": {"q": "petclinic main"},
        "list, search language": {"q": "phase:running owner:ann lockdown:<30d -is:archived"},
    }
    queries |= {f"list, by {sort}": {"sort": sort} for sort in ENVIRONMENTS.by_sort}
    queries["list, by lockdown, latest first"] = {"sort": "-lockdown"}
    return {name: f"{LIST}?{urlencode(query)}" for name, query in queries.items()}


def step(client: object, url: str, **headers: str) -> Callable[[], None]:
    def look() -> None:
        response = client.get(url, headers=headers)
        assert response.status_code in (200, 204), url

    return look


def _others(client: object) -> dict[str, Callable[[], None]]:
    from django.core.cache import cache

    from environments.list.change_token import revision

    deep = _deep(client)
    facets, searched = step(client, f"{LIST}facets/"), step(client, f"{LIST}facets/?q=petclinic")

    def facets_anew() -> None:
        cache.clear()
        facets()

    def search_anew() -> None:
        cache.clear()
        searched()

    return {
        "list, in the middle": step(client, deep),
        "list, in the middle, by htmx": step(client, deep, **HTMX),
        "nothing new": step(client, f"{LIST}changes/?{urlencode({'seen': revision()})}"),
        "facets of a search, counted anew": search_anew,
        "facets, counted anew": facets_anew,
        "facets": facets,
        "admin": step(client, ADMIN),
        "admin, searched": step(client, f"{ADMIN}?q=petclinic"),
    }


def _deep(client: object) -> str:
    """The page in the middle of the list sorted by name."""
    from environments.models import Environment
    from portal.lists.keyset import Cursor

    names = Environment.objects.present().order_by("name")
    row = names[names.count() // 2]
    cursor = Cursor("name", "after", row.name.upper(), row.pk).encode()
    return f"{LIST}?{urlencode({'sort': 'name', 'page': cursor})}"


def measured_all(steps: dict[str, Callable[[], None]], rounds: int = ROUNDS) -> list[Row]:
    """Round by round, so that what else the machine does falls on all alike."""
    gc.collect()
    gc.freeze()  # what filling the tables left in memory is no server's
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            taken[name].append((time.perf_counter() - started) * 1000)
    return [
        Row(name, statistics.median(times), statistics.quantiles(times, n=20)[-1], name.startswith("list"))
        for name, times in taken.items()
    ]


def main() -> None:
    import tests.services  # noqa: F401  (Postgres and Redis of its own, unless DATABASE_URL is set)

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    measured = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    admin = max(row.p95 for row in measured if row.name.startswith("admin"))
    for row in measured:
        print(f"{row.name:36} p50 {row.p50:7.1f} ms   p95 {row.p95:7.1f} ms   {row.p95 / admin:5.2f} of admin")


if __name__ == "__main__":
    main()
