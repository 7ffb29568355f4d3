"""Export of operations and Ona's audit log: who did what to what, through and outside the portal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, DateTimeField, Field, TextField, UUIDField

from environments.activity.filters import period
from environments.activity.queries import ONA, PORTAL, Spot, parts, pieces
from environments.activity.rows import Entry, describe_entries
from environments.activity.specification_changes import SpecificationChange, of_entries, of_values
from environments.export_head import log_read
from portal.exports.snapshot import AT_ONCE
from portal.ledger.models import AuditLog, Operation
from portal.lists.declaration import ListQuery, Table

COLUMNS = (
    "at", "source", "id", "actor_id", "actor", "action", "subject_type", "subject_id", "subject", "outcome", "reason",
    "probably_of_operation", "probably_in_onas_log", "reads_a_credential", "note", "changed", "from", "to",
)  # fmt: skip
TYPES = {
    **dict.fromkeys(("source", "actor", "subject_type", "subject", "probably_in_onas_log", "note"), TextField),
    **dict.fromkeys(("changed", "from", "to"), TextField),
    **dict.fromkeys(("subject_id", "probably_of_operation"), UUIDField),
    "at": DateTimeField, "actor_id": Field, "reads_a_credential": BooleanField,
}  # fmt: skip
OF_OPERATION = (
    "asked_at", "actor_id", "actor_name", "action", "target_type", "target_id", "target_name", "outcome", "reason",
    "before", "after",
)  # fmt: skip
NOTE = (
    'Rows with the source "portal" are operations, those with "ona" entries of Ona\'s audit log. That log names no '
    "operation: entries are matched to operations by actor, subject and time, which is only probable. "
    "The parts of batches are rows of their own, which the page shows as one line. "
    "What changed of a specification, from what to what: of operations as recorded, of entries as first observed then."
)


def _count(query: ListQuery) -> int:
    return sum(part.rows.order_by().count() for part in parts(query, apart=True))


def _rows(query: ListQuery) -> Iterator[Sequence[Any]]:
    for spots in pieces(query, AT_ONCE):
        yield from _batch(spots)


def _batch(spots: Sequence[Spot]) -> Iterator[Sequence[Any]]:
    asked = [spot.pk for spot in spots if spot.source == PORTAL]
    operations = Operation.objects.only(*OF_OPERATION).in_bulk(asked)
    entries = AuditLog.objects.defer("document").in_bulk([spot.pk for spot in spots if spot.source == ONA])
    described = {entry.id: entry for entry in describe_entries(list(entries.values()))}
    changes = of_entries(entries.values())
    behind: dict[UUID | None, list[UUID]] = defaultdict(list)
    for operation_id, pk in AuditLog.objects.filter(operation_id__in=asked).values_list("operation_id", "pk"):
        behind[operation_id].append(pk)
    for spot in spots:
        if spot.source == PORTAL:
            operation = operations[spot.pk]
            change = of_values(operation.before, operation.after)
            yield (*_operation(operation, behind[spot.pk]), *_changed(change))
        else:
            yield (*_entry(entries[spot.pk], described[spot.pk]), *_changed(changes.get(spot.pk)))


def _changed(change: SpecificationChange | None) -> Sequence[Any]:
    return change.columns if change else (None, None, None)


def _operation(operation: Operation, behind: list[UUID]) -> Sequence[Any]:
    return (
        operation.asked_at, PORTAL, operation.pk, operation.actor_id, operation.actor_name, operation.action,
        operation.target_type, operation.target_id, operation.target_name or None, operation.outcome,
        operation.reason or None, None, " ".join(map(str, sorted(behind))) or None, None, None,
    )  # fmt: skip


def _entry(entry: AuditLog, described: Entry) -> Sequence[Any]:
    return (
        entry.at, ONA, entry.pk, entry.actor_id, described.actor, entry.action or None, described.subject_type or None,
        entry.subject_id, described.subject or None, None, None, entry.operation_id, None, described.is_credential,
        described.note or None,
    )  # fmt: skip


TABLE = Table(
    name="stream",
    title="Operations and Ona's audit log",
    columns={name: name for name in COLUMNS},
    types=TYPES,
    rows=_rows,
    cells=lambda spots, query: _batch(spots),
    count=_count,
    about=lambda query: {"onas_log": log_read(), "note": NOTE},
    period=period,
)
