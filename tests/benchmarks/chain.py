"""What the chain costs: the writes of an operation with and without it, and a verification beside bare reading.

`python -m tests.benchmarks.chain verify|read` measures one of them in a process of its own. Needs Django set up and a
migrated database.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
import uuid
from typing import Any

ROUNDS = 300
TRIGGERS = ("ledger_chain", "ledger_chain_lock")
EMPTY = (
    "ALTER TABLE {table} DISABLE TRIGGER USER", "TRUNCATE {table}", "ALTER TABLE {table} ENABLE TRIGGER USER",
)  # fmt: skip
FILL = """
    INSERT INTO ledger_operation (id, actor_id, actor_name, action, target_type, target_id, target_name, environment_id,
        reason, request, before, after, origin, asked_at, outcome, code, message, request_id, explanation)
    SELECT gen_random_uuid(), n %% 40, 'person-' || n %% 40, 'environment.edit_ports', 'environment', id, 'otter', id,
        'reason ' || md5(n::text), jsonb_build_object('environmentId', id, 'spec', jsonb_build_object('ports', ports)),
        jsonb_build_object('ports', ports, 'specVersion', '1'), jsonb_build_object('ports', ports), 'page', now(),
        'pending', '', '', '', ''
    FROM generate_series(1, %s) n, LATERAL (SELECT md5((n %% 20000)::text)::uuid AS id) i,
        LATERAL (SELECT '[{"port": 8080, "name": "web", "admission": "ADMISSION_LEVEL_EVERYONE"}]'::jsonb AS ports) p
"""
CLOSE = "UPDATE ledger_operation SET outcome = 'succeeded', sent_at = now(), closed_at = now(), explanation = 'Done.'"


def writes() -> tuple[float, float]:
    """Seconds, in the middle, of an operation's three writes: with the chain, and without."""
    from django.contrib.auth.models import User

    actor = User.objects.create_superuser(f"bench-{time.time_ns()}")
    _switch("ENABLE")
    _operations(actor)  # the first ones warm up
    chained = _operations(actor)
    _switch("DISABLE")
    bare = _operations(actor)
    _switch("ENABLE")
    return chained, bare


def fill(entries: int) -> float:
    """A ledger and a chain of `entries`, two for each operation; the seconds that took."""
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor:
        for table in ("ledger_operation", "ledger_entry", "ledger_verification"):
            for statement in EMPTY:
                cursor.execute(statement.format(table=table))
        cursor.execute(FILL, [entries // 2])
        cursor.execute(CLOSE)
        cursor.execute("VACUUM ANALYZE ledger_operation")
        cursor.execute("VACUUM ANALYZE ledger_entry")
    return time.perf_counter() - began


def _operations(actor: Any) -> float:
    from portal.ledger import recording
    from portal.ledger.models import Outcome

    target = recording.Target("environment", uuid.uuid4(), "quiet-otter")
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        operation, _ = recording.begin("environment.stop", target, {"actor": actor}, request={"environmentId": "1"})
        recording.sent(operation)
        recording.close(operation, Outcome.SUCCEEDED)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _switch(how: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for trigger in TRIGGERS:
            cursor.execute(f"ALTER TABLE ledger_operation {how} TRIGGER {trigger}")


def _verify() -> None:
    from portal.ledger.chain.verify import verify

    report = verify()
    assert report.holds, report.findings


def _read() -> None:
    """Every row of both tables, looked at by nobody."""
    from django.db import connection, transaction

    for table in ("ledger_entry", "ledger_operation"):
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            for _ in cursor:
                pass


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()
    began = time.perf_counter()
    {"verify": _verify, "read": _read}[sys.argv[1]]()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
