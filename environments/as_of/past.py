"""The ranges of time that the past is read from: made again from what was recorded, and compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from environments.models import Environment
from environments.sync.upsert import lock_merging

BATCH = 1000
DIFFERING = """
    WITH told AS (SELECT * FROM environments_past_told(%(ids)s)),
    kept AS (
        SELECT p.environment_id, p.valid_from, p.valid_until, to_jsonb(p) - '{id,span}'::text[] AS columns
        FROM environments_past p WHERE p.environment_id = ANY(%(ids)s)
    )
    SELECT coalesce(told.environment_id, kept.environment_id), coalesce(told.valid_until, kept.valid_until)
    FROM told FULL JOIN kept USING (environment_id, valid_until)
    WHERE to_jsonb(told) IS DISTINCT FROM kept.columns
    ORDER BY 1, 2
"""


def differing() -> Iterator[tuple[UUID, datetime]]:
    """The ranges that are missing, left over or different, by environment and end."""
    for ids in _batches():
        with transaction.atomic(), connection.cursor() as cursor:
            lock_merging()
            cursor.execute(DIFFERING, {"ids": ids})
            yield from cursor.fetchall()


def rebuild() -> None:
    """Make all ranges again, environments after environments: it can be stopped at any time, and run again."""
    for ids in _batches():
        with transaction.atomic(), connection.cursor() as cursor:
            lock_merging()
            cursor.execute("SELECT environments_past_again(%s)", [ids])


def sort() -> None:
    """Put ranges that hold at the same time beside each other, as they come in a sync: a rebuild has those of one
    environment together, and what holds at a time is everywhere. Nothing reads or writes them meanwhile, for seconds.
    """
    with connection.cursor() as cursor:
        cursor.execute("CLUSTER environments_past USING past_at")
        cursor.execute("ANALYZE environments_past")


def _batches() -> Iterator[list[UUID]]:
    rows = Environment.objects.order_by("id").values_list("id", flat=True)
    ids = list(rows[:BATCH])
    while ids:
        yield ids
        ids = list(rows.filter(id__gt=ids[-1])[:BATCH])
