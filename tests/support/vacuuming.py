"""Tables as they are where they have stood for a while: plans are then chosen as they would be in earnest."""

from __future__ import annotations

import time

from django.db import connection

PATIENCE_SECONDS = 60
NOT_YET_USED = 64  # pages by which Postgres makes a table longer at once; they hold nothing, and never count as visible
# An export that an earlier test did not read to its end keeps its snapshot for two minutes.
END_OLD_SNAPSHOTS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND xact_start < now() - interval '5 seconds'
"""


def vacuum(*tables: str) -> None:
    """Until their pages are known to be visible to all: an older snapshot keeps a vacuum from noting that, and no index
    is then read alone. Outside of a transaction only."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")
            while _not_visible(table) > NOT_YET_USED and time.monotonic() < deadline:
                cursor.execute(END_OLD_SNAPSHOTS)
                cursor.execute(f"VACUUM ANALYZE {table}")


def _not_visible(table: str) -> int:
    """How many of its pages."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpages - relallvisible FROM pg_class WHERE oid = %s::regclass", [table])
        (pages,) = cursor.fetchone()
    return int(pages)
