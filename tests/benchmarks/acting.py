"""What it costs to act: the ledger's pages beside Django admin's, and a change beside the bare calls that it makes.

Through Django's test client, in milliseconds. Needs Django set up and a migrated database.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

ROUNDS = 30
LIST, ADMIN = "/operations/", "/admin/ledger/operation/"
FILL = """
    INSERT INTO ledger_operation (id, actor_id, actor_name, action, target_type, target_id, target_name, environment_id,
        reason, request, before, after, origin, asked_at, sent_at, closed_at, outcome, code, message, request_id,
        explanation)
    SELECT gen_random_uuid(), n %% 40, 'person-' || n %% 40,
        (ARRAY['environment.stop', 'environment.start', 'environment.edit_ports', 'secret.create'])[n %% 4 + 1],
        'environment', md5((n %% 20000)::text)::uuid, 'environment ' || n %% 20000, md5((n %% 20000)::text)::uuid,
        'reason ' || md5(n::text), '{"a": 1}', '{"specVersion": "1"}', '{"specVersion": "2"}', 'page',
        now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute',
        CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'succeeded' END, '', '', '', ''
    FROM generate_series(1, %s) n
"""


def fill(rows: int) -> None:
    """A ledger of `rows` operations; the insertion of ended ones is what its trigger refuses."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_operation DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE ledger_operation")
        cursor.execute(FILL, [rows])
        cursor.execute("ALTER TABLE ledger_operation ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE ledger_operation")


def pages(rows: int) -> Iterator[tuple[str, float]]:
    """(name, p95) of each way to look at the ledger; "admin" is the changelist of the same table."""
    from django.contrib.auth.models import User
    from django.test import Client

    fill(rows)
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    queries: dict[str, dict[str, str]] = {
        "ledger": {},
        "ledger, of a person": {"actor": "person-7"},
        "ledger, failed": {"outcome": "failed"},
        "ledger, an action of 30 days": {"action": "environment.stop", "since": "30d"},
        "ledger, words": {"q": "reason environment 77"},
    }
    urls = {name: f"{LIST}?{urlencode(query)}" for name, query in queries.items()} | {"admin": ADMIN}
    for name, url in urls.items():
        yield name, _p95(lambda url=url: _look(client, url))


def _look(client: Any, url: str) -> None:
    assert client.get(url).status_code == 200, url


def change(base_url: str, token: str) -> tuple[float, float]:
    """Seconds, in the middle, of a rename through the portal and of the bare calls it consists of."""
    from django.contrib.auth.models import User
    from django.test import override_settings

    from environments.actions.metadata import rename_environment
    from environments.models import Environment
    from environments.sync.observe import observe
    from portal.directory import connection
    from portal.ona import OnaClient

    with OnaClient(token, base_url, requests_per_second=1000) as client:
        page = client.list_environments()
        observe([client.get_environment(page.items[0].id)])
        environment = Environment.objects.get(pk=page.items[0].id)

        def bare() -> None:
            client.get_environment(environment.pk)
            client.update_environment(environment.pk, metadata={"name": f"bare {time.time_ns()}"})
            client.get_environment(environment.pk)

        actor = User.objects.create_superuser(f"bench-{time.time_ns()}")
        with override_settings(ONA_BASE_URL=base_url, ONA_API_KEY=token, ONA_REQUESTS_PER_SECOND=1000):
            connection._client.cache_clear()

            def through_the_portal() -> None:
                rename_environment(environment=environment, name=f"portal {time.time_ns()}", actor=actor)

            return _middle(through_the_portal), _middle(bare)


def _p95(step: Callable[[], None]) -> float:
    return statistics.quantiles(_taken(step), n=20)[-1] * 1000


def _middle(step: Callable[[], None]) -> float:
    return statistics.median(_taken(step))


def _taken(step: Callable[[], None]) -> list[float]:
    step()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return taken
