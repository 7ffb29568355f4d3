"""Verify the operations and the access log of a pack against its part of the ledger's chain, as
`portal.ledger.chain.verify` does in the database.

The pack has every link of the chain from before its period to the head, with the contents of its own rows. So none can
be changed, removed or inserted without recomputing all later links, which changes the head.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain as chained
from itertools import groupby
from typing import Annotated, Any

import msgspec

from environments.evidence.manifest import Manifest
from environments.evidence.read_tables import json_cells, json_rows
from environments.evidence.report import Report, report_unreadable
from portal.ledger.chain import verify as chain_verify
from portal.ledger.chain.replay import Told, compare
from portal.ledger.chain.verify import GENESIS, Head, Link
from portal.ledger.models import Entry

CHAIN, OPERATIONS, ACCESS_LOG = "chain.json", "operations.json", "access_log.json"
BEGINNINGS = {Entry.Kind.BEGUN.value: "Operation", Entry.Kind.ACCESS.value: "Access log entry"}
DOCUMENTS = ("request", "before", "after")  # cells that contain JSON
_BATCH = 1_000
_TABLES = """
CREATE TABLE entry (operation_id TEXT, sequence INTEGER, kind TEXT, content TEXT);
CREATE TABLE operation (id TEXT, row TEXT);
"""
_INDEXES = "CREATE INDEX entry_of ON entry (operation_id, sequence); CREATE INDEX operation_by ON operation (id)"
_WITH_ENTRIES = """
SELECT o.id, o.row, e.sequence, e.kind, e.content FROM operation o LEFT JOIN entry e ON e.operation_id = o.id
UNION ALL
SELECT e.operation_id, NULL, e.sequence, e.kind, e.content FROM entry e
WHERE e.content IS NOT NULL AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.id = e.operation_id)
ORDER BY 1, 3
"""
_DUPLICATES = "SELECT id FROM operation GROUP BY id HAVING count(*) > 1"
Read = Callable[[str], Iterable[bytes]]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row of chain.json: `portal.ledger.chain.verify.Link`."""

    sequence: Annotated[int, msgspec.Meta(ge=1, lt=1 << 62)]
    operation_id: str
    kind: str
    at: str
    digest: str
    previous: str
    hash: str
    content: str | None


def verify(report: Report, read: Read, manifest: Manifest, heads: Iterable[Head]) -> None:
    """Verify the chain and the operations. `read` returns the content of a file; `heads` were recorded elsewhere."""
    found = chain_verify.Report()
    with closing(sqlite3.connect("")) as database:  # a temporary file, deleted with the connection
        database.executescript(_TABLES)
        try:
            _verify_links(found, database, read, manifest, heads)
            counts = {name: _store_rows(database, read(name)) for name in _tables(manifest)}
            database.executescript(_INDEXES)
            for words in _comparisons(database):
                found.note(words)
        except (ValueError, sqlite3.Error, RecursionError) as error:
            report_unreadable(report, f"{CHAIN}, {OPERATIONS} or {ACCESS_LOG}", error)
            return
    for words in found.findings:
        report.fail(words)
    report.found += found.found - len(found.findings)
    if found.holds:
        report.hold(f"{CHAIN}: {found.entries:,} links, each over the one before it, up to the head.")
        for name, count in counts.items():
            of = "operations" if name == OPERATIONS else "entries"
            report.hold(f"{name}: {count:,} {of}, each as its entries in the chain record, and none missing.")


def _verify_links(
    found: chain_verify.Report, database: sqlite3.Connection, read: Read, manifest: Manifest, heads: Iterable[Head]
) -> None:
    """Verify the links up to the manifest's head, and store their contents in the database."""
    links = _links(read(CHAIN))
    first = next(links, None)
    if first is None:
        if manifest.head:
            found.note(f"{CHAIN} has no entry, and the manifest has the head {manifest.head.sequence}.")
        return
    links = chained([first], links)
    before, previous = (first.sequence - 1, first.previous) if first.sequence > 1 else (0, GENESIS)
    chain_verify.follow(found, _stored(links, database, found, manifest), heads, before, previous)
    if first.sequence > 1 and first.at >= _time_text(manifest.since):
        found.note(f"{CHAIN} begins with entry {first.sequence}, within the period: entries before it are missing.")
    head = manifest.head and Head(manifest.head.hash, manifest.head.sequence)
    if found.head is None or head is None or (found.head.hash, found.head.sequence) != (head.hash, head.sequence):
        found.note(f"{CHAIN} ends with the head {found.head or 'none'}, and the manifest has {head or 'none'}.")


def _links(chunks: Iterable[bytes]) -> Iterator[Link]:
    decode = msgspec.json.Decoder(_Row).decode
    for number, row in enumerate(json_rows(chunks), start=1):
        try:
            link = decode(row)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ValueError(f"row {number:,} of {CHAIN} is no entry: {error}") from None
        yield Link(
            link.sequence, link.operation_id, link.kind, link.at, link.content, link.digest, link.previous, link.hash
        )


def _stored(
    links: Iterable[Link], database: sqlite3.Connection, found: chain_verify.Report, manifest: Manifest
) -> Iterator[Link]:
    """Store the links as they pass; one that begins an operation or is of the access log must, if it is of the period,
    have its content."""
    since, until = _time_text(manifest.since), _time_text(manifest.moment)
    for link in links:
        if link.kind in BEGINNINGS and link.content is None and since <= link.at <= until:
            what = f"{BEGINNINGS[link.kind]} {link.operation_id}"
            found.note(f"{what} is missing: entry {link.sequence} begins it within the period.")
        row = (link.operation_id, link.sequence, link.kind, link.content)
        database.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", row)
        yield link


def _tables(manifest: Manifest) -> list[str]:
    """The tables that the chain is about; packs of before have no access log."""
    return [name for name in (OPERATIONS, ACCESS_LOG) if any(file.name == name for file in manifest.files)]


def _store_rows(database: sqlite3.Connection, content: Iterable[bytes]) -> int:
    count = 0
    for cells in json_cells(content):
        database.execute("INSERT INTO operation VALUES (?, ?)", (str(cells.get("id")), _row(cells)))
        count += 1
    return count


def _row(cells: dict[str, Any]) -> str:
    """A row in the format of its entries: with documents where the table has their text."""
    parts = [
        f"{json.dumps(name)}: {_document(value) if name in DOCUMENTS else json.dumps(value)}"
        for name, value in cells.items()
    ]
    return f"{{{', '.join(parts)}}}"


def _document(text: Any) -> str:
    """The text if it is valid JSON, so that it cannot close the object around it."""
    if not isinstance(text, str):
        return "null"
    json.loads(text)
    return text


def _comparisons(database: sqlite3.Connection) -> Iterator[str]:
    """Compare each operation with its entries."""
    for (identity,) in database.execute(_DUPLICATES):
        yield f"Operation or access log entry {identity} is in the pack more than once."
    for identity, each in groupby(database.execute(_WITH_ENTRIES), key=lambda row: str(row[0])):
        rows = list(each)
        now, entries = rows[0][1], [row[2:] for row in rows if row[2] is not None]
        if any(content is None for *_, content in entries):
            yield f"Operation {identity}: what was written of it is missing in {CHAIN}."
            continue
        sequences, kinds, contents = zip(*entries, strict=True) if entries else ((), (), ())
        yield from compare(identity, now, Told(list(sequences), list(kinds), list(contents)) if entries else None)


def _time_text(at: datetime) -> str:
    """A time in the format of entries, which sorts as text."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
