"""The tests' databases: one that is migrated for all workers of a run, and rows that several tests or cases share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from tests.support.emptying import filled

_LOCK = 7391
T = TypeVar("T")


def use_template(name: str) -> None:
    """Let the test database be a copy of the database `name`, which is made where it does not exist yet.

    Rendering the migrations costs 10 s.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return  # nobody to share with
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # until this connection closes
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            _make(name)
    connection.settings_dict["TEST"]["TEMPLATE"] = name


def _make(name: str) -> None:
    """The database as migrations leave it, and nobody connected to it: Postgres copies no other."""
    own, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    expected, test["NAME"] = test["NAME"], name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["NAME"], test["NAME"] = own, expected


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is written in the block, as at the end of a test: for cases of one test, and for shared rows."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined] # as TestCase does, so that `durable` blocks are allowed
    with atomic:
        yield
        transaction.set_rollback(True)


FULL_DISK = """
CREATE SCHEMA full_disk;
CREATE FUNCTION full_disk.repeat(text, integer) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not write to file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
"""


@contextmanager
def full_disk() -> Iterator[None]:
    """Postgres refuses, as with a full disk, what the portal writes to find out: by a function that hides its own.

    It is so for this connection and for new ones (those of other threads only outside a transaction).
    """
    path = "full_disk, public, pg_catalog"
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"{FULL_DISK} ALTER DATABASE {name} SET search_path = {path}; SET search_path = {path}")
        connection.close_pool()  # type: ignore[attr-defined]
        try:
            yield
        finally:
            cursor.execute(f"RESET search_path; ALTER DATABASE {name} RESET search_path; DROP SCHEMA full_disk CASCADE")
            connection.close_pool()  # type: ignore[attr-defined]


class SharedRows(Generic[T]):
    """Rows that many tests begin with: `make` writes them for the first, and COPY puts them back for the others.

    They are those of the apps whose tables are named so, and no test may have rows of its own there before. After half
    a minute they are made again, so that nothing in them is older than tests expect.
    """

    def __init__(self, make: Callable[[], T], *tables: str) -> None:
        self._make = make
        self._prefixes = tables
        self._at: datetime | None = None
        self._tables: dict[str, bytes] = {}
        self._made: T

    def at(self) -> datetime:
        """When the rows are from, which is now where they have to be made."""
        now = timezone.now()
        if self._at is None or now - self._at > timedelta(seconds=30):
            self._at, self._tables = now, {}
        return self._at

    def put(self) -> T:
        """Put the rows into this test's transaction; what `make` answered when it wrote them."""
        self.at()
        if self._tables:
            self._put_back()
            return self._made
        self._made = self._make()
        with connection.cursor() as cursor:
            for table in filled(cursor):
                if table.startswith(self._prefixes):
                    with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                        self._tables[table] = b"".join(copy)
        return self._made

    def _put_back(self) -> None:
        """Without triggers, whose rows are among these; in place of what a test with real transactions left."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table, rows in self._tables.items():
                cursor.execute(f"DELETE FROM {table}")
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(rows)
            cursor.execute("SET LOCAL session_replication_role = origin")
