"""The rows of the activity list: operations with the entries of Ona's log about them, and changes made outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse

from environments.activity.actors import Names, actor, names_of
from environments.activity.queries import ONA, PORTAL, Spot
from environments.activity.specification_changes import SpecificationChange, of_entries, of_values
from environments.models import Environment, Secret
from portal.directory.models import EnvironmentClass, Member, Organization, Project, Runner
from portal.ledger import rows as ledger_rows
from portal.ledger.audit_log_matching import log_reads
from portal.ledger.models import AccessEntry, AuditLog, Operation
from portal.ledger.models.audit_log import ENVIRONMENT

PREFIX = "RESOURCE_TYPE_"
UNNAMED = "unnamed"
OWN = "the account of the portal's own token, no matching operation: used outside the portal, or to read a log"
Named = Callable[[Iterable[UUID]], Mapping[UUID, str]]


def names_from(model: Any) -> Named:
    """A lookup of names in a model with a `name` column."""
    return lambda ids: dict(model.objects.filter(pk__in=ids).values_list("pk", "name"))


# the types with names in the cache, by Ona's type; other apps add theirs (automations.registration)
NAMED: dict[str, Named] = {
    ENVIRONMENT: names_from(Environment),
    f"{PREFIX}SECRET": names_from(Secret),
    f"{PREFIX}PROJECT": names_from(Project),
    f"{PREFIX}RUNNER": names_from(Runner),
    f"{PREFIX}ENVIRONMENT_CLASS": names_from(EnvironmentClass),
    f"{PREFIX}USER": names_from(Member),
    f"{PREFIX}ORGANIZATION": names_from(Organization),
    f"{PREFIX}ORGANIZATION_POLICY": names_from(Organization),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of Ona's audit log; `operation_url` is that of the operation probably behind it, or empty;
    `reader` who probably read a log through the portal."""

    id: UUID
    at: datetime
    actor: str
    actor_url: str
    action: str
    subject: str
    subject_type: str
    environment_url: str
    operation_url: str
    is_credential: bool
    note: str
    reader: str


@dataclass(frozen=True, slots=True)
class StreamLine:
    """An operation with the entries probably about it, or an entry. `of_parts` counts entries about its items."""

    source: str
    at: datetime
    operation: ledger_rows.Row | None = None
    entry: Entry | None = None
    folded: list[Entry] = field(default_factory=list)
    of_parts: int = 0
    change: SpecificationChange | None = None


def stream_lines(spots: Sequence[Spot], *, with_versions: bool = False) -> list[StreamLine]:
    """The rows at these places, in a constant number of queries; with what they changed of specifications."""
    operations = Operation.objects.only(*ledger_rows.COLUMNS, "before", "after").in_bulk(
        [spot.pk for spot in spots if spot.source == PORTAL]
    )
    entries = AuditLog.objects.defer("document").in_bulk([spot.pk for spot in spots if spot.source == ONA])
    behind = list(AuditLog.objects.filter(operation_id__in=operations).newest_first().defer("document"))
    described = {entry.id: entry for entry in describe_entries([*entries.values(), *behind])}
    folded: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in behind:
        if entry.operation_id:
            folded[entry.operation_id].append(described[entry.pk])
    changes = of_entries(entries.values()) if with_versions else {}
    rows, of_parts = {row.id: row for row in ledger_rows.rows(operations.values())}, _of_parts(operations)
    return [
        StreamLine(
            PORTAL,
            spot.at,
            rows[spot.pk],
            folded=folded.get(spot.pk, []),
            of_parts=of_parts.get(spot.pk, 0),
            change=of_values(operations[spot.pk].before, operations[spot.pk].after) if with_versions else None,
        )
        if spot.source == PORTAL
        else StreamLine(ONA, spot.at, entry=described[spot.pk], change=changes.get(spot.pk))
        for spot in spots
        if spot.pk in rows or spot.pk in described
    ]


def _of_parts(operations: Iterable[UUID]) -> dict[UUID | None, int]:
    """The number of entries about the items of these operations; one query."""
    parts = Operation.objects.filter(parent_id__in=list(operations))
    parent = Subquery(parts.filter(pk=OuterRef("operation_id")).values("parent_id")[:1])
    entries = AuditLog.objects.filter(operation_id__in=parts.values("pk")).annotate(parent=parent)
    return dict(entries.order_by().values_list("parent").annotate(Count("pk")))


def describe_entries(entries: Sequence[AuditLog]) -> list[Entry]:
    """Entries with names: a query for people, one per type of resource, and one for logs that were read."""
    people, things, here = names_of(entries), _things(entries), reverse("operations:stream")
    reads = log_reads(entries)
    return [_entry(entry, people, things, here, reads.get(entry.pk)) for entry in entries]


def _entry(entry: AuditLog, people: Names, things: Mapping[UUID, str], here: str, read: AccessEntry | None) -> Entry:
    who = actor(entry, people)
    is_environment = entry.subject_type == ENVIRONMENT and entry.subject_id in things
    return Entry(
        id=entry.pk,
        at=entry.at,
        actor=who,
        actor_url=f"{here}?{urlencode({'who': entry.actor_id})}" if entry.actor_id else "",
        action=entry.action,
        subject=_named(entry.subject_id, things),
        subject_type=type_label(entry.subject_type),
        environment_url=reverse("environments:detail", args=[entry.subject_id]) if is_environment else "",
        operation_url=reverse("operations:detail", args=[entry.operation_id]) if entry.operation_id else "",
        is_credential=entry.kind == "AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS",
        note=OWN if entry.is_own and not entry.operation_id else "",
        reader=read.actor_name if read else "",
    )


def _named(subject_id: UUID | None, things: Mapping[UUID, str]) -> str:
    if subject_id is None:
        return ""
    return (things[subject_id] or UNNAMED) if subject_id in things else str(subject_id)


def type_label(subject_type: str) -> str:
    """ "RESOURCE_TYPE_TASK_EXECUTION" → "task execution"; empty if unspecified."""
    words = subject_type.removeprefix(PREFIX).lower().replace("_", " ")
    return "" if words == "unspecified" else words


def _things(entries: Iterable[AuditLog]) -> dict[UUID, str]:
    """The names of the resources, if cached."""
    ids: dict[str, set[UUID]] = defaultdict(set)
    for entry in entries:
        if entry.subject_id and entry.subject_type in NAMED:
            ids[entry.subject_type].add(entry.subject_id)
    found: dict[UUID, str] = {}
    for subject_type, wanted in ids.items():
        found.update(NAMED[subject_type](wanted))
    return found
