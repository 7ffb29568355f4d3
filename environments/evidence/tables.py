"""The tables of a pack: environments and both audits as of its time, and what happened in its period.

Rows of environments and audits are those of their pages' exports; operations are in the format of chain entries, to be
compared with them. Requires a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from tempfile import TemporaryFile
from typing import Any

import msgspec
from django.db import connection
from django.http import QueryDict

from environments.as_of.clock import at
from environments.as_of.context import AsOf
from environments.as_of.recorded import SPECIFIED
from environments.audit.list import AUDIT_LISTS
from environments.evidence.manifest import File
from environments.evidence.verify_ledger import DOCUMENTS
from environments.evidence.zip_file import Writer
from environments.export_head import log_read
from environments.list import exports as list_exports
from environments.list.list import ENVIRONMENTS
from environments.models import Environment, Transition
from portal.exports.formats import CHUNK, Counted, Export, csv_chunks_with_json, json_chunks
from portal.exports.snapshot import AT_ONCE, streamed
from portal.jobs.work import Progress
from portal.ledger.chain import verify
from portal.ledger.models import AccessEntry, AuditLog, Operation
from portal.lists.export import rows_of, table_of
from portal.lists.query import read_query

EVERYTHING = QueryDict("gone=yes&sort=created")  # every environment seen by then, oldest first
TRANSITIONS = ("id", "environment_id", "field", "old", "new", "old_seen_at", "seen_at")
OPERATIONS = tuple(field.attname for field in Operation._meta.concrete_fields if not field.generated)
ACCESS = tuple(field.attname for field in AccessEntry._meta.concrete_fields if not field.generated)
LOG = tuple(field.attname for field in AuditLog._meta.concrete_fields if not field.generated)
VERSIONS = ("environment_id", *SPECIFIED, "old_seen_at", "seen_at")
DESIRED_PHASE = VERSIONS.index("desired_phase")
ENTRIES = ("sequence", "operation_id", "kind", "at", "digest", "previous", "hash", "content")
# The version of each environment in force then, and the columns derived from it.
_VERSIONS = f"""
SELECT DISTINCT ON (v.environment_id) v.environment_id, {", ".join(SPECIFIED.values())}, v.old_seen_at, v.seen_at
FROM environments_specificationversion v JOIN environments_environment e ON e.id = v.environment_id
WHERE v.seen_at <= %(stand)s AND e.first_seen_at <= %(stand)s ORDER BY v.environment_id, v.spec_version DESC
"""  # noqa: S608 (constants)
# The operations requested in the period, what the access log has of it, and those whose first chain entry is in it: a
# verifier can check the latter from the links alone.
_CHOSEN = """
WITH chosen AS (
    SELECT id FROM ledger_operation WHERE asked_at BETWEEN %(since)s AND %(moment)s
    UNION SELECT id FROM ledger_accessentry WHERE at BETWEEN %(since)s AND %(moment)s
    UNION SELECT operation_id FROM ledger_entry
        WHERE kind IN ('begun', 'access') AND at BETWEEN %(since)s AND %(moment)s
)
"""
_OPERATIONS = f"""{_CHOSEN}
SELECT (to_jsonb(o) - 'search')::text FROM ledger_operation o JOIN chosen USING (id) ORDER BY o.asked_at, o.id
"""  # noqa: S608 (a constant)
_ACCESS = f"""{_CHOSEN}
SELECT (to_jsonb(a) - 'search')::text FROM ledger_accessentry a JOIN chosen USING (id) ORDER BY a.at, a.id
"""  # noqa: S608 (a constant)
# From the entry before all that are included, which proves that none is missing, to the head.
_ENTRIES = f"""{_CHOSEN}, told AS (
    SELECT min(sequence) AS first FROM ledger_entry WHERE at >= %(since)s
    UNION ALL SELECT min(sequence) FROM ledger_entry WHERE operation_id IN (SELECT id FROM chosen)
    UNION ALL SELECT max(sequence) + 1 FROM ledger_entry
)
SELECT e.sequence, e.operation_id::text, e.kind, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    e.digest, e.previous, coalesce(e.hash, ''), CASE WHEN c.id IS NOT NULL THEN coalesce(e.content, '') END
FROM ledger_entry e LEFT JOIN chosen c ON c.id = e.operation_id
WHERE e.sequence >= (SELECT min(first) - 1 FROM told) ORDER BY e.sequence
"""  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class PackScope:
    """The scope of a pack: `as_of` is its time unless that is now, `head` the head of each table. `progress` is told
    each row that is written."""

    since: datetime
    moment: datetime
    as_of: AsOf
    head: Mapping[str, Any]
    progress: Progress


def count_rows(since: datetime, moment: datetime, parts: Sequence[str]) -> int:
    """About how many rows the tables of these parts have together; six queries."""
    period = (since, moment)
    environments, links = Environment.objects.filter(first_seen_at__lte=moment).count(), verify.head()
    in_period = (
        Operation.objects.filter(asked_at__range=period).count() + AccessEntry.objects.filter(at__range=period).count()
    )
    counts = {
        "environments": 2 * environments,
        "audits": 2 * environments,
        "transitions": Transition.objects.filter(seen_at__range=period).count(),
        "operations": in_period + ((links.sequence or 0) if links else 0),
        "log": AuditLog.objects.filter(at__range=period).count(),
    }
    return sum(counts[part] for part in parts)


def environments(scope: PackScope) -> Export:
    """All environments seen by then."""
    with scope.as_of.reading():
        asked = read_query(ENVIRONMENTS, EVERYTHING, scope.as_of)
    return Export("environments", "Environments", scope.head, list(list_exports.COLUMNS), rows_of(asked))


def versions(scope: PackScope) -> Export:
    """The version of each specification that held then, without the specification itself: what of it the environments
    are told by, and between which two looks it came."""
    with scope.as_of.reading():
        stand = at()
    rows = (
        [list_exports.word(value) if place == DESIRED_PHASE else value for place, value in enumerate(row)]
        for row in _streamed(_VERSIONS, scope, stand=stand)
    )
    return Export("versions", "Versions of specifications", scope.head, VERSIONS, rows)


def audit(slug: str, scope: PackScope) -> Export:
    """The status of every environment in one audit, with what it was derived from."""
    with scope.as_of.reading():
        asked = read_query(AUDIT_LISTS[slug], QueryDict("gone=yes"), scope.as_of)
    table = table_of(asked)
    return Export(slug, table.title, scope.head, list(table.columns), rows_of(asked))


def transitions(scope: PackScope) -> Export:
    """The transitions in the period."""
    found = Transition.objects.filter(seen_at__gte=scope.since, seen_at__lte=scope.moment).order_by("seen_at", "id")
    rows = streamed(found.values_list(*TRANSITIONS))
    return Export("transitions", "Transitions", scope.head, TRANSITIONS, rows)


def operations(scope: PackScope) -> Export:
    """The operations of the period as they are now; `request`, `before` and `after` as JSON texts."""
    return Export("operations", "Operations", scope.head, OPERATIONS, _chained(_OPERATIONS, OPERATIONS, scope))


def access_log(scope: PackScope) -> Export:
    """The access log of the period; `before` and `after` as JSON texts."""
    return Export("access_log", "Access log", scope.head, ACCESS, _chained(_ACCESS, ACCESS, scope))


def entries(scope: PackScope) -> Export:
    """The ledger's chain from before the period to its head, with the contents of the entries of `operations` and
    `access_log`."""
    return Export("chain", "The ledger's chain", scope.head, ENTRIES, _streamed(_ENTRIES, scope))


def onas_log(scope: PackScope) -> Export:
    """Ona's audit log of the period, and how far it was read; `operation_id` is only probable."""
    found = AuditLog.objects.filter(at__gte=scope.since, at__lte=scope.moment).order_by("at", "id")
    head = {**scope.head, "onas_log": log_read()}
    return Export("onas_log", "Ona's audit log", head, LOG, streamed(found.values_list(*LOG)))


def write_table(writer: Writer, scope: PackScope, make: Callable[[PackScope], Export]) -> Iterator[File]:
    """Write a table as CSV and as JSON. Its rows are read once: JSON waits in a file of its own."""
    export, rows = _begun(scope, make)
    with TemporaryFile() as json:
        file = writer.add(f"{export.name}.csv", csv_chunks_with_json(export, json))
        yield msgspec.structs.replace(file, rows=rows.count)
        json.seek(0)
        yield writer.add(f"{export.name}.json", iter(partial(json.read, CHUNK), b""), rows.count)


def write_json(writer: Writer, scope: PackScope, make: Callable[[PackScope], Export]) -> Iterator[File]:
    """Write a table as JSON alone."""
    export, rows = _begun(scope, make)
    file = writer.add(f"{export.name}.json", json_chunks(export))
    yield msgspec.structs.replace(file, rows=rows.count)


def _begun(scope: PackScope, make: Callable[[PackScope], Export]) -> tuple[Export, Counted]:
    export = make(scope)
    scope.progress.begin(export.title)
    rows = Counted(scope.progress.counted(export.rows))
    return replace(export, rows=rows), rows


def _chained(statement: str, columns: Sequence[str], scope: PackScope) -> Iterator[list[Any]]:
    """Rows that are in the chain, with the documents as Postgres wrote them, since the chain hashes that."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    for (text,) in _streamed(statement, scope):
        cells = decode(text)
        yield [
            bytes(cells[name]).decode() if name in DOCUMENTS else msgspec.json.decode(cells[name]) for name in columns
        ]


def _streamed(statement: str, scope: PackScope, **more: datetime) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a statement with a server-side cursor."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, {"since": scope.since, "moment": scope.moment, **more})
        while rows := cursor.fetchmany(AT_ONCE):
            yield from rows
