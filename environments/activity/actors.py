"""Who is behind an entry of Ona's audit log, by name as far as the directory knows one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from environments.documents.labels import enum_label
from portal.directory.models import Member
from portal.ledger.models.audit_log import AuditLog

UNKNOWN = "somebody unknown"
Names = Mapping[UUID, str]


def names_of(entries: Iterable[AuditLog]) -> Names:
    """The names of the people behind these entries; one query, those who left the organization too."""
    ids = {entry.actor_id for entry in entries if entry.actor_id}
    return dict(Member.objects.filter(pk__in=ids).exclude(name="").values_list("pk", "name")) if ids else {}


def actor(entry: AuditLog, names: Names) -> str:
    """A name, else what kind of account it is and its id."""
    if entry.actor_id is None:
        return UNKNOWN
    return names.get(entry.actor_id) or f"{enum_label(entry.actor_principal) or 'account'} {entry.actor_id}"


def probably(entries: Sequence[AuditLog], names: Names) -> str:
    """Who may have done what these entries, each of which may tell of it, tell: "probably by Ann", "perhaps by Ann or
    Bo"; empty where there are none."""
    found = list(dict.fromkeys(actor(entry, names) for entry in entries))
    if not found:
        return ""
    return f"probably by {found[0]}" if len(found) == 1 else f"perhaps by {', '.join(found[:-1])} or {found[-1]}"
