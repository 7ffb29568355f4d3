"""The chain over the ledger: each write of an operation is an entry over the entry before it.

An operation is written two to four times until it is closed, so the chain is over the writes, in a table of its own:
a trigger adds an entry in the transaction of each write (migrations/0004_chain.py). The access log, whose rows are
written once, is in the same chain (migrations/0011_access_log.py). `verify` reads all of it and holds every operation
and every row of the access log against what its entries tell. That finds whatever is changed, removed, inserted or put
in another order in any of the tables, by whomever, triggers or not.

Two things no chain finds by itself. Who takes the newest entries away with their operations leaves a shorter chain that
is whole. Who may write to the database and computes every hash anew from some entry on leaves another chain that is
whole. Both lack the old head, so it has to be kept elsewhere: it is in the log of every verification and, each 1,000
entries, in that of Postgres, on /operations/ to be written down, and sealed with the portal's secret key in each
verification (portal.ledger.chain.kept_verifications). And an operation that a superuser inserts as the portal would is
an entry like any other: the chain proves that it was not written later than its place tells.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection, transaction

from portal.ledger.models import Entry

from .replay import Told, compare

Counted = Callable[[Iterable[tuple[Any, ...]]], Iterator[tuple[Any, ...]]]  # passes rows on as they are read
GENESIS = "0" * 64  # what the first entry is over
MOST_FINDINGS = 100
AT_ONCE = 1_000  # rows that are in memory together
_HEAD = re.compile(r"([0-9a-fA-F]{64})(?::([1-9][0-9]{0,17}))?")
LINKS = """
SELECT sequence, operation_id::text, kind, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    coalesce(content, ''), digest, previous, coalesce(hash, '')
FROM ledger_entry ORDER BY sequence
"""
# Generated columns are made of the others.
WRITTEN = """
SELECT string_agg('t.' || quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped
"""
# One statement, so that each operation or row of the access log and its entries are of the same moment.
OPERATIONS = """
SELECT coalesce(o.id, e.operation_id)::text, o.is_operation, o.now, e.sequences, e.kinds, e.contents
FROM (
    SELECT id, true AS is_operation, {ledger_operation} AS now FROM ledger_operation t
    UNION ALL SELECT id, false, {ledger_accessentry} FROM ledger_accessentry t
) o
FULL JOIN (
    SELECT operation_id, array_agg(sequence ORDER BY sequence) AS sequences,
        array_agg(kind ORDER BY sequence) AS kinds, array_agg(coalesce(content, '') ORDER BY sequence) AS contents
    FROM ledger_entry GROUP BY operation_id
) e ON e.operation_id = o.id
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The hash of an entry that was stored somewhere, with its number if known. `source` says where, in words."""

    hash: str
    sequence: int | None = None
    source: str = "the head given"

    @classmethod
    def read(cls, text: str) -> Head:
        """ "ab12…" or "ab12…:12345", 64 digits and a number; raises ValueError."""
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise ValueError("A head is 64 hexadecimal digits, then a colon and its entry's number if you have it.")
        return cls(match[1].lower(), int(match[2]) if match[2] else None)

    def __str__(self) -> str:
        return self.hash if self.sequence is None else f"{self.hash}:{self.sequence}"


class Link(NamedTuple):
    """An entry as it is stored; `at` as it is hashed, in UTC to the microsecond. `content` is None where it is not at
    hand."""

    sequence: int
    operation_id: str
    kind: str
    at: str
    content: str | None
    digest: str
    previous: str
    hash: str


@dataclass
class Report:
    """The result of a verification: counts, and the first hundred findings in words. `head` is None without entries."""

    entries: int = 0
    operations: int = 0
    head: Head | None = None
    found: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether there are no findings."""
        return self.found == 0

    def note(self, words: str) -> None:
        """Add a finding."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(words)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(previous: str, sequence: int, operation_id: str, kind: str, at: str, content_digest: str) -> str:
    """The hash of an entry; the same as `ledger_append` makes in the database."""
    return digest(f"{previous}\n{sequence}\n{operation_id}\n{kind}\n{at}\n{content_digest}")


def head() -> Head | None:
    """The newest entry's hash and number, which is how many there are; None where there is none. One query."""
    newest = Entry.objects.order_by("-sequence").values_list("hash", "sequence").first()
    return Head(*newest) if newest else None


def verify(heads: Iterable[Head] = (), counted: Counted = iter) -> Report:
    """Verify every entry, every operation and the stored `heads`; streams rows, each of them through `counted`."""
    report = Report()
    with transaction.atomic():  # what a cursor of the server's needs
        follow(report, (Link(*row) for row in counted(_stream(LINKS))), heads)
        for identity, is_operation, now, *told in counted(
            _stream(_with_rows(OPERATIONS, "ledger_operation", "ledger_accessentry"))
        ):
            report.operations += bool(is_operation)
            for words in compare(identity, now, Told(*told) if told[0] else None):
                report.note(words)
    return report


def follow(
    report: Report, links: Iterable[Link], heads: Iterable[Head], last: int = 0, last_hash: str = GENESIS
) -> None:
    """Each entry by itself, over the one before it, and against the heads kept for its place; from `last` on."""
    numbered, anywhere = _by_place(heads)
    for entry in links:
        report.entries += 1
        for words in (*_broken(entry, last, last_hash), *_against(entry, numbered.pop(entry.sequence, ()))):
            report.note(words)
        anywhere.pop(entry.hash, None)
        last, last_hash = entry.sequence, entry.hash
    report.head = Head(last_hash, last) if report.entries else None
    for words in _lacking(last, numbered, anywhere):
        report.note(words)


def _broken(entry: Link, last: int, last_hash: str) -> Iterator[str]:
    """What is wrong with an entry by itself, and with its place after the entry `last`."""
    if entry.sequence <= last:
        yield f"Entry {entry.sequence} cannot be: entries begin with 1 and no number is there twice."
    elif entry.sequence > last + 1:
        gone = _numbers(last + 1, entry.sequence - 1)
        yield f"{gone} missing: {f'entry {last} is followed by' if last else 'the chain begins with'} {entry.sequence}."
    elif entry.previous != last_hash:
        before = f"over another entry {last} than the one" if last else "as the first of another chain than the one"
        yield f"{_name(entry)} was written {before} that is there."
    if entry.content is not None and digest(entry.content) != entry.digest:
        yield f"{_name(entry)} has another content than was written."
    if entry.hash != link(entry.previous, entry.sequence, entry.operation_id, entry.kind, entry.at, entry.digest):
        yield f"{_name(entry)} was changed: its hash is not that of its number, operation, kind, time and content."


def _against(entry: Link, heads: Iterable[Head]) -> Iterator[str]:
    for kept in heads:
        if kept.hash != entry.hash:
            yield (
                f"Entry {entry.sequence} has the hash {entry.hash[:12]}…, and {kept.source} has {kept.hash[:12]}…: "
                "it, or entries before it, were rewritten."
            )


def _lacking(last: int, numbered: dict[int, list[Head]], anywhere: dict[str, Head]) -> Iterator[str]:
    """Stored heads without an entry."""
    for sequence, kept in sorted(numbered.items()):
        where = f"the chain ends at entry {last}" if sequence > last else f"there is no entry {sequence}"
        yield from (f"Entry {sequence} is missing, of which {each.source} tells: {where}." for each in kept)
    for each in anywhere.values():
        yield (
            f"No entry has the hash {each.hash[:12]}…, which {each.source} has: "
            "entries were rewritten, or the newest removed."
        )


def _by_place(heads: Iterable[Head]) -> tuple[dict[int, list[Head]], dict[str, Head]]:
    """Those with a number by it, the others by hash."""
    numbered, anywhere = defaultdict(list), {}
    for each in heads:
        if each.sequence is None:
            anywhere[each.hash] = each
        else:
            numbered[each.sequence].append(each)
    return dict(numbered), anywhere


def _name(entry: Link) -> str:
    return f"Entry {entry.sequence} ({entry.kind}, operation {entry.operation_id})"


def _numbers(first: int, last: int) -> str:
    return f"Entry {first} is" if first == last else f"Entries {first} to {last} are"


def _with_rows(statement: str, *tables: str) -> str:
    """The statement with the rows of these tables as JSON: `row_to_json` costs less than `to_jsonb`."""
    rows = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(WRITTEN, [table])
            rows[table] = f"(SELECT row_to_json(r) FROM (SELECT {cursor.fetchone()[0]}) r)::text"  # noqa: S608 (quoted)
    return statement.format(**rows)


def _stream(statement: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement by a cursor of the server's, which holds none of them back."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(AT_ONCE):
            yield from rows
