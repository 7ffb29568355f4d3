"""The operations of a pack against its part of the ledger's chain, as `portal.ledger.chain.entries` does it in tables.

The pack has every link of the chain from before its period to the head, and with them what was written of its own
operations. So nothing of them can be changed, left out or put in, but by somebody who makes every later link anew; then
the head is another one.
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
from environments.evidence.report import Report, guarded
from portal.ledger.chain import entries as chain_entries
from portal.ledger.chain.entries import GENESIS, Head, Link
from portal.ledger.chain.replay import Told, compare
from portal.ledger.models import Entry

CHAIN, OPERATIONS = "chain.json", "operations.json"
DOCUMENTS = ("request", "before", "after")  # cells that are JSON themselves
_BATCH = 1_000
_TABLES = """
CREATE TABLE entry (operation_id TEXT, sequence INTEGER, kind TEXT, content TEXT);
CREATE TABLE operation (id TEXT, row TEXT);
"""
_INDEXES = "CREATE INDEX entry_of ON entry (operation_id, sequence); CREATE INDEX operation_by ON operation (id)"
_TOLD = """
SELECT o.id, o.row, e.sequence, e.kind, e.content FROM operation o LEFT JOIN entry e ON e.operation_id = o.id
UNION ALL
SELECT e.operation_id, NULL, e.sequence, e.kind, e.content FROM entry e
WHERE e.content IS NOT NULL AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.id = e.operation_id)
ORDER BY 1, 3
"""
_TWICE = "SELECT id FROM operation GROUP BY id HAVING count(*) > 1"
Read = Callable[[str], Iterable[bytes]]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row of chain.json: `portal.ledger.chain.entries.Link`."""

    sequence: Annotated[int, msgspec.Meta(ge=1, lt=1 << 62)]
    operation_id: str
    kind: str
    at: str
    digest: str
    previous: str
    hash: str
    content: str | None


def verify(report: Report, read: Read, manifest: Manifest, heads: Iterable[Head]) -> None:
    """`read` gives the content of a file; `heads` are those that were kept elsewhere."""
    found = chain_entries.Report()
    with closing(sqlite3.connect("")) as told:  # a file of SQLite's own that goes with the connection
        told.executescript(_TABLES)
        try:
            _follow(found, told, read, manifest, heads)
            count = _take_operations(told, read)
            told.executescript(_INDEXES)
            for words in _compared(told):
                found.note(words)
        except (ValueError, sqlite3.Error, RecursionError) as error:
            guarded(report, f"{CHAIN} or {OPERATIONS}", error)
            return
    for words in found.findings:
        report.fail(words)
    report.found += found.found - len(found.findings)
    if found.holds:
        report.hold(f"{CHAIN}: {found.entries:,} links, each over the one before it, up to the head.")
        report.hold(f"{OPERATIONS}: {count:,} operations, each as its entries in the chain tell, and none left out.")


def _follow(
    found: chain_entries.Report, told: sqlite3.Connection, read: Read, manifest: Manifest, heads: Iterable[Head]
) -> None:
    """The links by themselves, up to the head that the manifest has; what they tell is kept in `told`."""
    links = _links(read(CHAIN))
    first = next(links, None)
    if first is None:
        if manifest.head:
            found.note(f"{CHAIN} has no entry, and the manifest has the head {manifest.head.sequence}.")
        return
    links = chained([first], links)
    before, previous = (first.sequence - 1, first.previous) if first.sequence > 1 else (0, GENESIS)
    chain_entries.follow(found, _kept(links, told, found, manifest), heads, before, previous)
    if first.sequence > 1 and first.at >= _written(manifest.since):
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


def _kept(
    links: Iterable[Link], told: sqlite3.Connection, found: chain_entries.Report, manifest: Manifest
) -> Iterator[Link]:
    """The links, written down as they pass. One that begins an operation of the period has to tell what it was."""
    since, until = _written(manifest.since), _written(manifest.moment)
    for link in links:
        if link.kind == Entry.Kind.BEGUN and link.content is None and since <= link.at <= until:
            found.note(f"Operation {link.operation_id} is missing: entry {link.sequence} begins it within the period.")
        row = (link.operation_id, link.sequence, link.kind, link.content)
        told.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", row)
        yield link


def _take_operations(told: sqlite3.Connection, read: Read) -> int:
    count = 0
    for cells in json_cells(read(OPERATIONS)):
        told.execute("INSERT INTO operation VALUES (?, ?)", (str(cells.get("id")), _row(cells)))
        count += 1
    return count


def _row(cells: dict[str, Any]) -> str:
    """An operation as its entries have it: with documents where the table has their text."""
    parts = [
        f"{json.dumps(name)}: {_document(value) if name in DOCUMENTS else json.dumps(value)}"
        for name, value in cells.items()
    ]
    return f"{{{', '.join(parts)}}}"


def _document(text: Any) -> str:
    """The text, if it is JSON and nothing else, so that it cannot close what is around it."""
    if not isinstance(text, str):
        return "null"
    json.loads(text)
    return text


def _compared(told: sqlite3.Connection) -> Iterator[str]:
    """Each operation against its entries."""
    for (identity,) in told.execute(_TWICE):
        yield f"Operation {identity} is in {OPERATIONS} more than once."
    for identity, each in groupby(told.execute(_TOLD), key=lambda row: str(row[0])):
        rows = list(each)
        now, entries = rows[0][1], [row[2:] for row in rows if row[2] is not None]
        if any(content is None for *_, content in entries):
            yield f"Operation {identity}: what was written of it is missing in {CHAIN}."
            continue
        sequences, kinds, contents = zip(*entries, strict=True) if entries else ((), (), ())
        yield from compare(identity, now, Told(list(sequences), list(kinds), list(contents)) if entries else None)


def _written(moment: datetime) -> str:
    """As entries have times: texts that sort as their times do."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
