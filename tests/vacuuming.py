"""Tables as they are where they have stood for a while: plans are then chosen as they would be in earnest."""

from __future__ import annotations

import time

from django.db import connection

PATIENCE_SECONDS = 60
# An export that an earlier test did not read to its end keeps its snapshot for two minutes.
END_OLD_SNAPSHOTS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '5 seconds'
"""


def vacuum(*tables: str) -> None:
    """Until every page of them is known to be visible to all: an older snapshot keeps a vacuum from noting that, and no
    index is then read alone. Outside of a transaction only."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")
            while not _is_visible(table):
                assert time.monotonic() < deadline, f"somebody keeps an old snapshot of {table}"
                cursor.execute(END_OLD_SNAPSHOTS)
                cursor.execute(f"VACUUM ANALYZE {table}")


def _is_visible(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relallvisible >= relpages FROM pg_class WHERE oid = %s::regclass", [table])
        return bool(cursor.fetchone()[0])
