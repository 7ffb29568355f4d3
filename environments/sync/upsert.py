"""Merge a batch of documents into a table, part by part, in one guarded statement.

The parts of Ona's documents change independently: spec and status are ordered by their versions, metadata (and a task's
spec) by the time of observation. A part and the columns derived from it are replaced only if the incoming one is newer
in its own order, in whatever order answers arrive.
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
OBSERVING = 0x6F6E61  # advisory lock: one transaction merges documents at a time

T = TypeVar("T")
Row = dict[str, Any]


class Part(NamedTuple):
    """A part of a document: its JSONB column, the derived columns with their types, and its order."""

    name: str
    columns: Mapping[str, str]
    order: str

    @property
    def newer(self) -> str:
        return self.order.format(part=self.name)


class Table(NamedTuple):
    """What a merge needs of a table.

    `names` are columns looked up while writing: column → (the part it follows, SQL expression over `joins`).
    """

    name: str
    parts: tuple[Part, ...]
    names: Mapping[str, tuple[str, str]] = {}
    joins: str = ""
    fixed: Mapping[str, str] = {}  # set by the first observation only

    def merge(self, returning: str) -> str:
        """The `MERGE` statement for `merge_rows`: the columns of all parts, `sent_at`, `later`.

        Parts are sent as text arrays beside the rows: they are six times larger, and Postgres would take as long to
        extract them from one large JSON as to store them.
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


def lock_merging() -> None:
    """Wait until no other transaction merges; released at the transaction's end. Requires a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OBSERVING])


def merge_rows(table: Table, statement: str, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Run `statement` (from `Table.merge`) for `rows`, whose parts are JSON texts; return its rows.

    Bypasses Django's cursor, which would interpolate the parameters into the statement instead of sending them beside
    it.
    """
    parts = {part.name: [row.pop(part.name) for row in rows] for part in table.parts}
    columns = msgspec.json.encode(rows, enc_hook=int).decode()  # versions are a subclass of int
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, {"rows": columns, **parts}).fetchall()


def digest(raw: bytes) -> int:
    """A signed 64-bit fingerprint of a part, to recognize the same bytes without reading the part."""
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), signed=True)


def without_repeats(items: Iterable[T], key: Callable[[T], object]) -> Iterator[list[T]]:
    """Split into batches without repeated keys, keeping each key's order: a merge takes a row once."""
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
