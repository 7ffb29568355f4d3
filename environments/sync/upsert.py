"""One guarded statement that merges a batch of documents into a table, part by part.

Ona's documents have parts with lives of their own: spec and status are ordered by their versions, metadata (and a
task's spec) by the time of observation. Each part is therefore replaced, with the columns derived from it, only when
the incoming one is newer by its own order, whatever the order in which answers arrive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg
from django.db import connection

LATER = "i.later AND e.{part} IS DISTINCT FROM i.{part}"
HIGHER_VERSION = "i.{part}_version > e.{part}_version"
OBSERVING = 0x6F6E61  # advisory lock: documents are merged by one transaction at a time

T = TypeVar("T")
Row = dict[str, Any]


class Part(NamedTuple):
    """A part of a document: its JSONB column, the columns derived from it with their types, and what orders it."""

    name: str
    columns: Mapping[str, str]
    order: str

    @property
    def newer(self) -> str:
        return self.order.format(part=self.name)


class Table(NamedTuple):
    """What a merge needs to know of a table.

    `names` are columns looked up at the time of writing: column → (part it follows, SQL expression over `joins`).
    """

    name: str
    parts: tuple[Part, ...]
    names: Mapping[str, tuple[str, str]] = {}
    joins: str = ""
    fixed: Mapping[str, str] = {}  # set once, with the first observation

    def merge(self, returning: str) -> str:
        """`MERGE` from rows as `merge_rows` sends them: the columns of all parts, `sent_at`, `later`.

        The parts come as text arrays beside the rows: they are half a dozen times larger, and reading them out of a
        larger JSON would cost Postgres as much again as keeping them.
        """
        parts = {part.name: part for part in self.parts}
        incoming = {"id": "uuid", "sent_at": "timestamptz", "later": "boolean", **self.fixed}
        follows: dict[str, str] = {}
        for part in self.parts:
            incoming |= part.columns
            follows |= dict.fromkeys([part.name, *part.columns], part.name)
        follows |= {column: part for column, (part, _) in self.names.items()}
        changes = ",\n".join(
            f"{column} = CASE WHEN {parts[part].newer} THEN i.{column} ELSE e.{column} END"
            for column, part in follows.items()
        )
        inserted = [*self.fixed, *follows]
        texts = "".join(f", r.{part}::jsonb AS {part}" for part in parts)
        looked_up = "".join(f", {expression} AS {column}" for column, (_, expression) in self.names.items())
        return f"""
            MERGE INTO {self.name} AS e
            USING (
                SELECT {", ".join(f"r.{column}" for column in incoming)}{texts}{looked_up}
                FROM ROWS FROM (
                    json_to_recordset(%(rows)s::json) AS ({", ".join(f"{c} {t}" for c, t in incoming.items())}),
                    {", ".join(f"unnest(%({part})b::text[])" for part in parts)}
                ) AS r({", ".join([*incoming, *parts])})
                {self.joins}
            ) AS i ON e.id = i.id
            WHEN MATCHED AND ({" OR ".join(part.newer for part in self.parts)} OR i.sent_at > e.gone_at) THEN UPDATE SET
                {changes},
                gone_at = CASE WHEN i.sent_at > e.gone_at THEN NULL ELSE e.gone_at END,
                changed_at = clock_timestamp()
            WHEN NOT MATCHED THEN INSERT (id, first_seen_at, changed_at, {", ".join(inserted)})
                VALUES (i.id, i.sent_at, clock_timestamp(), {", ".join(f"i.{column}" for column in inserted)})
            RETURNING {returning}
        """  # noqa: S608 (names from this module's constants, values as parameters)


def lock_observing() -> None:
    """Wait until no other transaction merges; released at its end. Inside a transaction only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OBSERVING])


def merge_rows(table: Table, statement: str, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """What `statement`, made with `table.merge`, returns for `rows`, whose parts are JSON texts Postgres can hold.

    It goes past Django's cursor, which would write the parameters into the statement instead of sending them beside it.
    """
    parts = {part.name: [row.pop(part.name) for row in rows] for part in table.parts}
    columns = msgspec.json.encode(rows, enc_hook=int).decode()  # the hook: versions are a kind of int
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, {"rows": columns, **parts}).fetchall()


def digest(raw: bytes) -> int:
    """A signed 64-bit fingerprint of a part, to tell "the same bytes again" without reading the part."""
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), signed=True)


def rounds(items: Iterable[T], key: Callable[[T], object]) -> Iterator[list[T]]:
    """Split into lists in which no key occurs twice, keeping the order of each key: a merge takes a row once."""
    waiting = list(items)
    while waiting:
        if len({key(item) for item in waiting}) == len(waiting):
            yield waiting
            return
        seen: set[object] = set()
        later: list[T] = []
        now: list[T] = []
        for item in waiting:
            (later if key(item) in seen else now).append(item)
            seen.add(key(item))
        yield now
        waiting = later
