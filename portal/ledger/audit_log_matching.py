"""Which entries of Ona's audit log are probably the portal's own operations, seen from Ona's side.

An entry names no operation. So it is a guess, and pages say so: the same account, the same thing, at the same time,
and nothing in Ona's words that speaks against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from .access_log.recording import REPEATED
from .models import AccessEntry, AccessKind, Operation, Outcome
from .models.audit_log import ENVIRONMENT, AuditLog, AuditLogQuerySet

SKEW = timedelta(seconds=30)  # Ona's clock and the portal's are not the same
READ_BEFORE = SKEW + REPEATED  # a log that is opened again has no other entry so soon
WAITING = timedelta(hours=1)  # between being asked for and being sent, at most
RECENT = timedelta(hours=1)  # the target of a creation is known after it was made
OF_ENVIRONMENTS = ("environment", "automations_file")  # targets that Ona's log tells as the environment
LOG_TOKEN = {"logs", "token"}  # words of an entry about what a log is read with
VERBS = ("start", "stop", "archiv", "unarchiv", "delet", "creat", "updat")
_WORD = re.compile(r"[A-Z]?[a-z]+")
_CHANGES = ("rename", "set_", "clear_", "edit_", "update")


def match_recent() -> int:
    """Look again at the portal's own entries of the last hour; how many were matched."""
    return match(AuditLog.objects.filter(at__gte=timezone.now() - RECENT))


def match(entries: AuditLogQuerySet) -> int:
    """Note for those of `entries` that the portal's account made which operation is probably behind each."""
    own = list(entries.outside().filter(is_own=True).defer("document"))
    operations = _candidates(own)
    matched = 0
    for entry in own:
        if operation := probable(entry, operations):
            matched += AuditLog.objects.filter(pk=entry.pk, operation_id=None).update(operation_id=operation.pk)
    return matched


def _candidates(entries: Sequence[AuditLog]) -> list[Operation]:
    """What was sent around these entries to the same things; one query."""
    if not entries:
        return []
    subjects = {entry.subject_id for entry in entries}
    first, last = min(entry.at for entry in entries), max(entry.at for entry in entries)
    asked = Operation.objects.filter(asked_at__gte=first - WAITING, asked_at__lte=last + SKEW, sent_at__isnull=False)
    done = asked.exclude(outcome=Outcome.FAILED)  # what Ona refused is not in its log
    same = done.filter(Q(environment_id__in=subjects) | Q(target_id__in=subjects))
    return list(same.only("action", "target_type", "target_id", "environment_id", "sent_at", "closed_at"))


def probable(entry: AuditLog, operations: Iterable[Operation]) -> Operation | None:
    """The operation that `entry`, made by the portal's account, most likely reports. Pure."""
    fitting = [each for each in operations if _fits(entry, each)]
    return min(fitting, key=lambda each: (_distance(entry.at, each), each.pk), default=None)


def log_reads(entries: Iterable[AuditLog]) -> dict[UUID, AccessEntry]:
    """The reading of a log through the portal that is probably behind each of `entries`, by their ids: of the same
    environment, at the same time. At most one query."""
    asked = [entry for entry in entries if entry.is_own and not entry.operation_id and _is_log_token(entry.action)]
    if not asked:
        return {}
    first, last = min(entry.at for entry in asked), max(entry.at for entry in asked)
    reads = AccessEntry.objects.filter(
        kind=AccessKind.LOG_READ, at__gte=first - READ_BEFORE, at__lte=last + SKEW,
        environment_id__in={entry.subject_id for entry in asked},
    )  # fmt: skip
    found = list(reads.only("environment_id", "at", "actor_name"))
    near = {entry.pk: _nearest(entry, found) for entry in asked}
    return {pk: read for pk, read in near.items() if read}


def _nearest(entry: AuditLog, reads: Iterable[AccessEntry]) -> AccessEntry | None:
    start, end = entry.at - READ_BEFORE, entry.at + SKEW
    fitting = [read for read in reads if read.environment_id == entry.subject_id and start <= read.at <= end]
    return min(fitting, key=lambda read: abs(entry.at - read.at), default=None)


def _is_log_token(said: str) -> bool:
    return {word.lower() for word in _WORD.findall(said)} >= LOG_TOKEN


def _fits(entry: AuditLog, operation: Operation) -> bool:
    if operation.sent_at is None or not _same_thing(entry, operation) or _contradicts(entry.action, operation.action):
        return False
    patience = timedelta(seconds=settings.OPERATION_PATIENCE_SECONDS)
    ended = operation.closed_at or operation.sent_at + patience
    return operation.sent_at - SKEW <= entry.at <= ended + SKEW


def _distance(at: datetime, operation: Operation) -> timedelta:
    return abs(at - operation.sent_at) if operation.sent_at else timedelta.max


def _same_thing(entry: AuditLog, operation: Operation) -> bool:
    if entry.subject_id is None:
        return False
    of_environment = entry.subject_type == ENVIRONMENT and operation.target_type in OF_ENVIRONMENTS
    return entry.subject_id == operation.target_id or (of_environment and entry.subject_id == operation.environment_id)


def _contradicts(said: str, action: str) -> bool:
    """Whether Ona's words name another deed than the operation's; words that name none do not."""
    words = [word.lower() for word in _WORD.findall(said.partition(":")[0])]
    named = {verb for verb in VERBS if any(word.startswith(verb) for word in words)}
    meant = _verb(action)
    return bool(named and meant) and meant not in named


def _verb(action: str) -> str:
    """ "environment.force_delete" → "delet"; empty where Ona may call it anything."""
    deed = action.rpartition(".")[2].removeprefix("force_")
    if deed.startswith(_CHANGES):
        return "updat"
    return next((verb for verb in VERBS if deed.startswith(verb)), "")
