"""What it costs to look at operations and Ona's audit log in one stream.

Through Django's test client, in milliseconds. Needs Django set up and a migrated database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks import acting

STREAM = "/operations/stream/"
PEOPLE, ENVIRONMENTS = 400, 20_000
FILL = """
    INSERT INTO ledger_auditlog (id, at, actor_id, actor_principal, subject_id, subject_type, action, kind, document,
        kept_at, is_own, operation_id)
    SELECT gen_random_uuid(), now() - n * interval '1 minute' - interval '30 seconds',
        md5('person ' || n %% {people})::uuid, 'PRINCIPAL_USER', md5((n %% {environments})::text)::uuid,
        'RESOURCE_TYPE_ENVIRONMENT',
        (ARRAY['stop environment', 'start environment', 'update environment: spec.timeout'])[n %% 3 + 1],
        'AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE', '{{}}', now(), false, NULL
    FROM generate_series(1, %s) n
"""
# every tenth operation is in Ona's log too
FOLDED = """
    INSERT INTO ledger_auditlog (id, at, actor_id, actor_principal, subject_id, subject_type, action, kind, document,
        kept_at, is_own, operation_id)
    SELECT gen_random_uuid(), sent_at, md5('person 0')::uuid, 'PRINCIPAL_USER', target_id, 'RESOURCE_TYPE_ENVIRONMENT',
        'stop environment', 'AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE', '{}', now(), true, id
    FROM ledger_operation WHERE abs(hashtext(id::text)) % 10 = 0
"""
PEOPLE_FILL = """
    INSERT INTO directory_member (id, name, document, first_seen_at, seen_at, email, role, status, avatar_url)
    SELECT md5('person ' || n)::uuid, 'Person ' || n, '{}', now(), now(), 'person-' || n || '@acme.example', '', '', ''
    FROM generate_series(0, %s - 1) n ON CONFLICT DO NOTHING
"""


def fill(rows: int) -> None:
    """As many operations as entries of Ona's log that are nobody's operation, and a tenth as many that are."""
    from django.db import connection

    acting.fill(rows)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_auditlog DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE ledger_auditlog")
        cursor.execute("ALTER TABLE ledger_auditlog ENABLE TRIGGER USER")
        cursor.execute(PEOPLE_FILL, [PEOPLE])
        cursor.execute(FILL.format(people=PEOPLE, environments=ENVIRONMENTS), [rows])
        cursor.execute(FOLDED)
        cursor.execute("VACUUM ANALYZE ledger_auditlog")


def pages(rows: int) -> Iterator[tuple[str, float]]:
    """(name, p95) of each way to look at the stream."""
    from django.contrib.auth.models import User
    from django.test import Client

    fill(rows)
    client = Client(SERVER_NAME="localhost")
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    queries: dict[str, dict[str, str]] = {
        "stream": {},
        "stream, deep in it": {"page": _deep(rows)},
        "stream, outside the portal": {"source": "outside"},
        "stream, all of Ona's log": {"source": "ona"},
        "stream, of people": {"who": "person 7"},
        "stream, of one person": {"who": "person 399"},
        "stream, of an environment": {"environment": _environment()},
        "stream, an action": {"what": "stop environment"},
        "stream, no such action": {"what": "nothing is called like this"},
        "stream, of a period": {"from": "2026-01-01", "to": "2026-01-31", "source": "outside"},
    }
    for name, query in queries.items():
        url = f"{STREAM}?{urlencode(query)}"
        yield name, acting._p95(lambda url=url: acting._look(client, url))


def _deep(rows: int) -> str:
    """The middle of the stream, as its address holds it."""
    from portal.ledger.models import AuditLog
    from portal.lists.keyset import Cursor

    entry = AuditLog.objects.newest_first()[rows // 2]
    return Cursor("-at", "after", entry.at.isoformat(), entry.pk).encode()


def _environment() -> Any:
    from portal.ledger.models import AuditLog

    return AuditLog.objects.newest_first().values_list("subject_id", flat=True)[0]
