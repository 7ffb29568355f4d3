"""Attribution of observed changes to entries of Ona's audit log: who probably made them outside the portal.

Ona's log names changed fields, but neither values nor versions. So an entry matches by its environment, by its time
between the two observations of the change, and by its action.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from environments.activity.actors import Names, names_of, probably
from portal.ledger.models import AuditLog

SKEW = timedelta(seconds=10)  # tolerance between Ona's clock and the portal's
MAX_ENTRIES = 2000
CREDENTIAL = "AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS"
SOURCE = "Ona's audit log"
_WORD = re.compile(r"[A-Z]?[a-z]+")
_CHANGES = ("updat", "chang", "set", "edit", "patch")
_LEAVES_SPECIFICATION = ("active", "token", "signal")
# entries that `changes_lockdown` may accept: starts and stops are many
LOCKDOWNS = Q(action__icontains="lockdown") | Q(action__iregex="|".join(_CHANGES)) & ~Q(action__contains=":")
Fits = Callable[[AuditLog], bool]


class OutsideChanges:
    """The changes of some environments outside the portal in a period, with names; two queries.

    At most two thousand entries, the newest. `words` excludes irrelevant ones.
    """

    def __init__(self, environment_ids: Iterable[UUID], start: datetime, end: datetime, words: Q | None = None) -> None:
        near = AuditLog.objects.near(environment_ids, start - SKEW, end + SKEW).defer("document")
        near = near.filter(words) if words else near
        self.entries: Sequence[AuditLog] = list(near[:MAX_ENTRIES])
        self.names: Names = names_of(self.entries)

    def by(self, environment_id: UUID, after: datetime, seen_at: datetime, fits: Fits) -> str:
        """Who probably made a change seen between two times, as a phrase; empty if unknown."""
        matches = [
            entry
            for entry in self.entries
            if entry.subject_id == environment_id and after - SKEW <= entry.at <= seen_at + SKEW and fits(entry)
        ]
        return probably(matches, self.names)


def changes_lockdown(entry: AuditLog) -> bool:
    """Whether an entry may be a lockdown set, moved or cleared. Pure."""
    action_words, fields = _parts(entry)
    return "lockdown" in fields.lower() if fields else "lockdown" in action_words or _is_change(action_words)


def changes_specification(entry: AuditLog) -> bool:
    """Whether an entry may be a change of the specification, starts and stops included. Pure."""
    action_words, fields = _parts(entry)
    if entry.kind == CREDENTIAL or any(word in action_words for word in _LEAVES_SPECIFICATION):
        return False
    return "spec" in fields.lower() if fields else True


def _parts(entry: AuditLog) -> tuple[list[str], str]:
    """The words of the action, and the fields that it names, if any."""
    action_words, _, fields = entry.action.partition(":")
    return [word.lower() for word in _WORD.findall(action_words)], fields


def _is_change(action_words: Iterable[str]) -> bool:
    return any(word.startswith(_CHANGES) for word in action_words)
