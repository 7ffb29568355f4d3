"""Timestamps of the database are read in C, and are what Django makes of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg_binary import _psycopg as in_c

VALUES = ["0001-01-01 00:00:00+00", "2026-03-29 01:30:00.000001+02", "9999-12-31 23:59:59.999999+00"]


@pytest.mark.django_db
@pytest.mark.parametrize("open_cursor", [connection.cursor, connection.chunked_cursor])
def test_timestamps_are_read_in_c_and_in_utc(open_cursor) -> None:
    with open_cursor() as cursor:
        cursor.execute(
            "SELECT each::timestamptz FROM unnest(%s::text[]) WITH ORDINALITY AS t(each, n) ORDER BY n", [VALUES]
        )
        read = [value for (value,) in cursor.fetchall()]
        loader = cursor.cursor.adapters.get_loader(types["timestamptz"].oid, Format.TEXT)(0, cursor.connection)
    assert read == [datetime.fromisoformat(f"{each}:00").astimezone(UTC) for each in VALUES]
    assert all(value.tzinfo is UTC for value in read)
    assert isinstance(loader, in_c.TimestamptzLoader)
