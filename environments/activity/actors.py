"""Names of the accounts in Ona's audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from portal.directory.models import Member
from portal.ledger.models.audit_log import AuditLog
from portal.web.enum_labels import enum_label

UNKNOWN = "somebody unknown"
Names = Mapping[UUID, str]


def names_of(entries: Iterable[AuditLog]) -> Names:
    """The names of the people in these entries, former members included; one query."""
    ids = {entry.actor_id for entry in entries if entry.actor_id}
    return dict(Member.objects.filter(pk__in=ids).exclude(name="").values_list("pk", "name")) if ids else {}


def actor(entry: AuditLog, names: Names) -> str:
    """The name of an account, else its kind and id."""
    if entry.actor_id is None:
        return UNKNOWN
    return names.get(entry.actor_id) or f"{enum_label(entry.actor_principal) or 'account'} {entry.actor_id}"


def probably(entries: Sequence[AuditLog], names: Names) -> str:
    """Who may have made a change that these entries may describe: "probably by Ann", "perhaps by Ann or Bo"; empty
    without entries.
    """
    people = list(dict.fromkeys(actor(entry, names) for entry in entries))
    if not people:
        return ""
    return f"probably by {people[0]}" if len(people) == 1 else f"perhaps by {', '.join(people[:-1])} or {people[-1]}"
