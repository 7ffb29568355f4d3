"""Who or what started environments: an operation, an entry of Ona's audit log, or their role tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from environments.activity.attribution import OutsideChanges
from environments.models import Environment
from portal.ledger.models import AuditLog, Operation, Outcome
from portal.web.formatting import stands_for_none

STARTS = ("environment.start", "environment.create", "environment.create_from_project")
BEFORE, AFTER = timedelta(minutes=5), timedelta(seconds=10)  # of a start, that its request can have been sent
STARTING = Q(action__icontains="start") | Q(action__icontains="create")
TRIGGERS = {"ENVIRONMENT_ROLE_PREBUILD": "for a prebuild", "ENVIRONMENT_ROLE_WORKFLOW": "by a workflow"}


def find_starters(environments: Iterable[Environment]) -> Mapping[UUID, str]:
    """Of each environment who began its last start, as a phrase; empty if unknown. Three queries for any number."""
    latest = timezone.now() + timedelta(days=1)
    started = [
        each for each in environments if (at := each.last_started_at) and not stands_for_none(at) and at < latest
    ]
    if not started:
        return {}
    operations = _operations(started)
    times = [each.last_started_at for each in started if each.last_started_at]
    log = OutsideChanges([each.pk for each in started], min(times) - BEFORE, max(times) + AFTER, STARTING)
    return {each.pk: _starter(each, operations.get(each.pk, []), log) for each in started}


def _operations(started: Iterable[Environment]) -> dict[UUID, list[Operation]]:
    """Those that start, of each environment."""
    rows = Operation.objects.filter(environment_id__in=[each.pk for each in started], action__in=STARTS)
    found: dict[UUID, list[Operation]] = {}
    for row in rows.exclude(outcome=Outcome.FAILED).filter(sent_at__isnull=False).newest_first():
        if row.environment_id:
            found.setdefault(row.environment_id, []).append(row)
    return found


def _starter(environment: Environment, operations: Iterable[Operation], log: OutsideChanges) -> str:
    at = environment.last_started_at
    if at is None:
        return ""
    for row in operations:
        if row.sent_at and row.sent_at - AFTER <= at <= row.sent_at + BEFORE:
            return f"by {row.actor_name} through the portal"
    if trigger := TRIGGERS.get(environment.role):
        return trigger
    if who := log.by(environment.pk, at - BEFORE, at, _starts):
        return f"{who}, outside the portal"
    is_first = environment.created_at is not None and at - environment.created_at < BEFORE
    return f"when {environment.owner_name} created it" if is_first and environment.owner_name else ""


def _starts(entry: AuditLog) -> bool:
    return True
