"""The lines of the stream in words: operations with what Ona's log says of them, and what was done outside."""

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
from environments.models import Environment, Secret
from portal.directory.models import EnvironmentClass, Member, Organization, Project, Runner
from portal.ledger import rows as ledger_rows
from portal.ledger.models import AuditLog, Operation
from portal.ledger.models.audit_log import ENVIRONMENT

PREFIX = "RESOURCE_TYPE_"
UNNAMED = "unnamed"
OWN = "the account of the portal's own token, but no operation fits: done with it elsewhere, or to read a log"
Named = Callable[[Iterable[UUID]], Mapping[UUID, str]]


def by_name(model: Any) -> Named:
    """The names of the rows of a model that has such a column."""
    return lambda ids: dict(model.objects.filter(pk__in=ids).values_list("pk", "name"))


# what has a name here, by Ona's type; other apps add theirs (automations.apps)
NAMED: dict[str, Named] = {
    ENVIRONMENT: by_name(Environment),
    f"{PREFIX}SECRET": by_name(Secret),
    f"{PREFIX}PROJECT": by_name(Project),
    f"{PREFIX}RUNNER": by_name(Runner),
    f"{PREFIX}ENVIRONMENT_CLASS": by_name(EnvironmentClass),
    f"{PREFIX}USER": by_name(Member),
    f"{PREFIX}ORGANIZATION": by_name(Organization),
    f"{PREFIX}ORGANIZATION_POLICY": by_name(Organization),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of Ona's audit log. `operation_url` is that of the operation which is probably behind it, else empty."""

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


@dataclass(frozen=True, slots=True)
class Line:
    """An operation with the entries that probably tell of it, or an entry. `of_parts`: as many tell of its parts."""

    source: str
    at: datetime
    operation: ledger_rows.Row | None = None
    entry: Entry | None = None
    folded: list[Entry] = field(default_factory=list)
    of_parts: int = 0


def lines(spots: Sequence[Spot]) -> list[Line]:
    """What these places hold; as many queries whatever their number."""
    asked = Operation.objects.only(*ledger_rows.COLUMNS).in_bulk([spot.pk for spot in spots if spot.source == PORTAL])
    stood = AuditLog.objects.defer("document").in_bulk([spot.pk for spot in spots if spot.source == ONA])
    behind = list(AuditLog.objects.filter(operation_id__in=asked).newest_first().defer("document"))
    told = {entry.id: entry for entry in in_words([*stood.values(), *behind])}
    folded: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in behind:
        if entry.operation_id:
            folded[entry.operation_id].append(told[entry.pk])
    rows, of_parts = {row.id: row for row in ledger_rows.rows(asked.values())}, _of_parts(asked)
    return [
        Line(PORTAL, spot.at, rows[spot.pk], folded=folded.get(spot.pk, []), of_parts=of_parts.get(spot.pk, 0))
        if spot.source == PORTAL
        else Line(ONA, spot.at, entry=told[spot.pk])
        for spot in spots
        if spot.pk in rows or spot.pk in told
    ]


def _of_parts(operations: Iterable[UUID]) -> dict[UUID | None, int]:
    """How many entries tell of the parts of these operations, of those that have any; one query."""
    parts = Operation.objects.filter(parent_id__in=list(operations))
    parent = Subquery(parts.filter(pk=OuterRef("operation_id")).values("parent_id")[:1])
    entries = AuditLog.objects.filter(operation_id__in=parts.values("pk")).annotate(parent=parent)
    return dict(entries.order_by().values_list("parent").annotate(Count("pk")))


def in_words(entries: Sequence[AuditLog]) -> list[Entry]:
    """Entries with the names behind their ids: a query for the people, and one for each type of thing."""
    people, things, here = names_of(entries), _things(entries), reverse("operations:stream")
    return [_entry(entry, people, things, here) for entry in entries]


def _entry(entry: AuditLog, people: Names, things: Mapping[UUID, str], here: str) -> Entry:
    who = actor(entry, people)
    is_environment = entry.subject_type == ENVIRONMENT and entry.subject_id in things
    return Entry(
        id=entry.pk,
        at=entry.at,
        actor=who,
        actor_url=f"{here}?{urlencode({'who': entry.actor_id})}" if entry.actor_id else "",
        action=entry.action,
        subject=_named(entry.subject_id, things),
        subject_type=type_words(entry.subject_type),
        environment_url=reverse("environments:detail", args=[entry.subject_id]) if is_environment else "",
        operation_url=reverse("operations:detail", args=[entry.operation_id]) if entry.operation_id else "",
        is_credential=entry.kind == "AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS",
        note=OWN if entry.is_own and not entry.operation_id else "",
    )


def _named(subject_id: UUID | None, things: Mapping[UUID, str]) -> str:
    if subject_id is None:
        return ""
    return (things[subject_id] or UNNAMED) if subject_id in things else str(subject_id)


def type_words(subject_type: str) -> str:
    """ "RESOURCE_TYPE_TASK_EXECUTION" → "task execution"; empty where it is not told."""
    words = subject_type.removeprefix(PREFIX).lower().replace("_", " ")
    return "" if words == "unspecified" else words


def _things(entries: Iterable[AuditLog]) -> dict[UUID, str]:
    """The names of what was acted on, as far as they are known here."""
    ids: dict[str, set[UUID]] = defaultdict(set)
    for entry in entries:
        if entry.subject_id and entry.subject_type in NAMED:
            ids[entry.subject_type].add(entry.subject_id)
    found: dict[UUID, str] = {}
    for subject_type, wanted in ids.items():
        found.update(NAMED[subject_type](wanted))
    return found
