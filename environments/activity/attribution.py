"""Which entries of Ona's audit log may tell of a change that was seen: who did it outside the portal, as a guess.

Ona's log names changed fields, not their values, and no version. So an entry fits by its environment, by its time
between the two looks that the change lies between, and by its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from environments.activity.actors import Names, names_of, probably
from portal.ledger.models import AuditLog

SKEW = timedelta(seconds=10)  # Ona's clock and the portal's are not the same
MOST = 2000
CREDENTIAL = "AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS"
SOURCE = "Ona's audit log"
_WORD = re.compile(r"[A-Z]?[a-z]+")
_CHANGES = ("updat", "chang", "set", "edit", "patch")
_LEAVES_SPECIFICATION = ("active", "token", "signal")
# what `changes_lockdown` may say yes to: starts and stops are many
LOCKDOWNS = Q(action__icontains="lockdown") | Q(action__iregex="|".join(_CHANGES)) & ~Q(action__contains=":")
Fits = Callable[[AuditLog], bool]


class Outside:
    """What was done to some environments outside the portal within a time, with the names behind it; two queries.

    Of more than some thousand entries the newest count. `words` leaves out what cannot matter.
    """

    def __init__(self, environment_ids: Iterable[UUID], start: datetime, end: datetime, words: Q | None = None) -> None:
        near = AuditLog.objects.near(environment_ids, start - SKEW, end + SKEW).defer("document")
        near = near.filter(words) if words else near
        self.entries: Sequence[AuditLog] = list(near[:MOST])
        self.names: Names = names_of(self.entries)

    def by(self, environment_id: UUID, after: datetime, seen_at: datetime, fits: Fits) -> str:
        """Who probably made a change that came after the one time and by the other, in words; empty where unknown."""
        found = [
            entry
            for entry in self.entries
            if entry.subject_id == environment_id and after - SKEW <= entry.at <= seen_at + SKEW and fits(entry)
        ]
        return probably(found, self.names)


def changes_lockdown(entry: AuditLog) -> bool:
    """Whether an entry may tell of a lockdown that was set, moved or cleared. Pure."""
    deed, fields = _parts(entry)
    return "lockdown" in fields.lower() if fields else "lockdown" in deed or _is_change(deed)


def changes_specification(entry: AuditLog) -> bool:
    """Whether an entry may tell of another specification: starting and stopping are part of it. Pure."""
    deed, fields = _parts(entry)
    if entry.kind == CREDENTIAL or any(word in deed for word in _LEAVES_SPECIFICATION):
        return False
    return "spec" in fields.lower() if fields else True


def _parts(entry: AuditLog) -> tuple[list[str], str]:
    """The words of what was done, and the fields that it names, if any."""
    deed, _, fields = entry.action.partition(":")
    return [word.lower() for word in _WORD.findall(deed)], fields


def _is_change(deed: Iterable[str]) -> bool:
    return any(word.startswith(_CHANGES) for word in deed)
