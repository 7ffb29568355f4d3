"""An organization that is read once a worker: its world and the portal's rows are put back before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from portal.sandbox import snapshot
from portal.sandbox.documents import micros
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.browser import fleet
from tests.ledger.chain.tampering import unguarded
from tests.support.emptying import FROM_MIGRATIONS, empty_filled_tables

NO_ROWS = 21  # bytes that COPY writes for a table without rows


@dataclass(frozen=True, slots=True)
class Stored:
    """A saved world, and the portal's rows of it by table as COPY writes them."""

    world: Path
    rows: dict[str, bytes]

    @contextmanager
    def running(self) -> Iterator[Sandbox]:
        """Put the rows back in the place of others, and serve the world, its clock set to now."""
        with transaction.atomic(), unguarded():  # what triggers would add is among the rows
            for table, content in self.rows.items():
                _copy_in(table, content)
        world = snapshot.restore(self.world)
        world.instant = micros(timezone.now())
        with running(world) as sandbox, fleet.connected(sandbox):
            yield sandbox


def read_once(world: World, read: Callable[[Sandbox], None], path: Path) -> Stored:
    """Store what `read` leaves in the world and in the portal's tables, which are empty before and after."""
    with running(world) as sandbox, fleet.connected(sandbox):
        read(sandbox)
    snapshot.save(world, path)
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    contents = {table: _copy_out(table) for table in sorted(tables - FROM_MIGRATIONS)}
    empty_filled_tables()
    return Stored(path, {table: content for table, content in contents.items() if len(content) > NO_ROWS})


def _copy_out(table: str) -> bytes:
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))
    with connection.cursor() as cursor, cursor.copy(statement) as copied:
        return b"".join(copied)


def _copy_in(table: str, content: bytes) -> None:
    emptied = sql.SQL("DELETE FROM {}").format(sql.Identifier(table))
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))
    with connection.cursor() as cursor:
        cursor.execute(emptied)
        with cursor.copy(statement) as copied:
            copied.write(content)
