"""How long the audits take, now and as of past moments, at 100,000 environments and ten transitions of each.

Milliseconds through Django's test client. Needs Django set up and a migrated database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from tests.benchmarks.list_page import ADMIN, Row, measured_all, step

DAY = timedelta(days=1)
SLOW_ROUNDS = 10
NOTING = "environments_past_of_transitions"  # makes a range at a time; all at once is for `past.rebuild`
EACH = 10  # transitions of an environment, over thirty days


def measure(rows: int) -> list[Row]:
    """Every way to look at the audits of `rows` environments; names of what has a goal begin with "list"."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from tests.support import audits

    fill(rows)
    audits.policies(lifetime=30, archive=3, delete=14)
    now = timezone.now()
    audits.swept(*(now - number * DAY for number in range(40)))
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    steps: dict[str, Callable[[], None]] = {name: step(client, url) for name, url in _urls().items()}
    kept = {name: look for name, look in steps.items() if name.startswith("list")}
    others = {name: look for name, look in steps.items() if name not in kept}
    anew = {f"{name.removeprefix('list: ')}, counted anew": _anew(look) for name, look in kept.items()}
    # apart from each other: those that count anew take away what the others keep
    return [*measured_all(kept | {"admin": step(client, ADMIN)}), *measured_all(others | anew, SLOW_ROUNDS)]


def _anew(look: Callable[[], None]) -> Callable[[], None]:
    """As after a sweep that found changes: nothing is kept."""
    from django.core.cache import cache

    def anew() -> None:
        cache.clear()
        look()

    return anew


def fill(rows: int) -> None:
    """Empty tables filled with environments and the stops and starts that led to their phases."""
    from django.db import connection

    from environments.as_of import past
    from tests.support import factories

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE environments_environment, environments_past, environments_sighting, environments_syncrun,"
            " directory_member, directory_project, directory_runner, directory_environmentclass, directory_organization"
            " CASCADE"
        )
    factories.environments(rows)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE environments_transition DISABLE TRIGGER {NOTING}")
        cursor.execute(TRANSITIONS, [EACH])
        cursor.execute(f"ALTER TABLE environments_transition ENABLE TRIGGER {NOTING}")
        cursor.execute("UPDATE environments_environment SET first_seen_at = now() - interval '31 days'")
    past.rebuild()
    past.sort()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM environments_past")
        cursor.execute("VACUUM ANALYZE environments_environment")
        cursor.execute("VACUUM ANALYZE environments_transition")
        cursor.execute("VACUUM ANALYZE environments_stop")


TRANSITIONS = """
    INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
    SELECT e.id, 'phase',
        CASE WHEN n %% 2 = 0 THEN 'ENVIRONMENT_PHASE_RUNNING' ELSE 'ENVIRONMENT_PHASE_STOPPED' END,
        CASE WHEN n %% 2 = 0 THEN 'ENVIRONMENT_PHASE_STOPPED' ELSE 'ENVIRONMENT_PHASE_RUNNING' END,
        at - interval '1 minute', at
    FROM environments_environment e
    CROSS JOIN generate_series(1, %s) n
    CROSS JOIN LATERAL (
        -- of each environment another time: they change one by one
        SELECT now() - (n * 3 - (hashint8extended(n, hashtext(e.id::text)) & 65535) / 32768.0) * interval '1 day' AS at
    ) times
"""


def _urls() -> dict[str, str]:
    from django.utils import timezone

    from environments.as_of.clock import written

    now = timezone.now()
    week, month = written(now - 7 * DAY), written(now - 29 * DAY)
    queries: dict[str, tuple[str, dict[str, object]]] = {
        "list: both audits": ("", {}),
        "list: lockdown": ("lockdown/", {}),
        "list: lockdown, past and running": ("lockdown/", {"status": "running"}),
        "list: lockdown, exempt, by owner": ("lockdown/", {"status": "exempt", "sort": "owner"}),
        "list: archive": ("archive/", {}),
        "list: archive, overdue": ("archive/", {"status": "overdue"}),
        "lockdown, by project": ("lockdown/", {"group": "project"}),
        "archive, by owner": ("archive/", {"group": "owner"}),
        "lockdown, as of a week ago": ("lockdown/", {"as_of": week}),
        "archive, as of a week ago": ("archive/", {"as_of": week}),
        "archive, as of a month ago": ("archive/", {"as_of": month}),
        "what if, four policies": ("what-if/", {"lifetime": 14, "timeout": 2, "archive": 1, "delete": 7}),
    }
    urls = {name: f"/audit/{path}?{urlencode(query)}" for name, (path, query) in queries.items()}
    return urls | {"environments, as of a week ago": f"/environments/?{urlencode({'as_of': week})}"}
