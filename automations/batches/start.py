"""Begin a batch, and cancel it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from automations.batches.plan import MOST, Candidate
from automations.batches.registry import KINDS
from automations.batches.tasks import drive_batches
from automations.models import Batch, BatchItem, ItemState, TaskExecution
from environments.actions.execute import NotPossible, authorize, refuse_read_only
from environments.actions.metadata import check_lockdown
from environments.actions.registry import ACTIONS, Action, Danger
from portal.ledger import recording
from portal.ledger.models import BATCH
from portal.ledger.recording import RequestContext, Target

log = structlog.get_logger()
AT_ONCE = 50


def start_batch(
    *,
    action: Action,
    reference: str,
    candidates: Sequence[Candidate],
    at_once: int,
    stop_after: int | None,
    lockdown_at: datetime | None = None,
    values: Mapping[str, str] | None = None,
    query: str = "",
    again_of: UUID | None = None,
    undo_of: UUID | None = None,
    look_after: int | None = None,
    **context: Unpack[RequestContext],
) -> Batch:
    """Ask for `action` in all of `candidates`, `at_once` under way at the same time, no more of them after
    `stop_after` failures. `reference` is that of the task or service; `lockdown_at` (aware) the moment of a lockdown,
    `values` what was entered in `Many.fields`. `undo_of` is the batch that is taken back. After the first `look_after`
    the others wait until somebody continues. `query` is the environments' list they were chosen from.

    Returns before anything is sent: workers do it. Asked twice under one operation id, it is one batch.
    PermissionDenied, ReasonMissing; NotPossible where nothing is chosen, or limits or moment make no sense.
    """
    authorize(replace(action, name=action.batch_name, danger=max(action.danger, Danger.REASON)), context)
    for step in {step for each in candidates for step in each.steps}:
        authorize(ACTIONS[step], context)
    refuse_read_only()
    if not 0 < len(candidates) <= MOST:
        raise NotPossible(f"Choose at least one {KINDS[action.name].many.one}, and at most {MOST}.")
    if not 1 <= at_once <= AT_ONCE or (stop_after is not None and stop_after < 1):
        raise NotPossible(f"Between 1 and {AT_ONCE} environments can run at once.")
    if look_after is not None and look_after < 1:
        raise NotPossible("At least one environment is first.")
    if KINDS[action.name].needs_moment and not undo_of:
        check_lockdown(lockdown_at)
    has_steps = any(each.steps for each in candidates)
    request = {
        "action": action.name,
        "reference": reference,
        "environmentIds": list(dict.fromkeys(each.environment.pk for each in candidates)),
        "atOnce": at_once,
        "stopAfter": stop_after,
        "chosenFrom": query,
        **({"lockdownAt": lockdown_at} if lockdown_at else {}),
        **({"values": values} if values else {}),
        **({"executionIds": executions} if (executions := [each.pk for each in _executions(candidates)]) else {}),
        **({"againOf": again_of} if again_of else {}),
        **({"undoOf": undo_of} if undo_of else {}),
        **({"lookAfter": look_after} if look_after else {}),
        **({"steps": {each.environment.pk: each.steps for each in candidates if each.steps}} if has_steps else {}),
    }
    named = KINDS[action.name].many.count(len(candidates))
    target = Target(BATCH, None, f"{reference} in {named}" if reference else named)
    operation, _ = recording.begin(action.batch_name, target, context, request=request)
    columns = {
        "action": action.name,
        "reference": reference,
        "at_once": at_once,
        "stop_after": stop_after,
        "again_of": again_of,
        "undo_of": undo_of,
        "look_after": look_after,
        "begins_at": _begins_at(action, operation.asked_at),
        "asked_at": operation.asked_at,
        "changed_at": operation.asked_at,
    }
    with transaction.atomic():
        batch, is_new = Batch.objects.get_or_create(pk=operation.pk, defaults=columns)
        if is_new:
            BatchItem.objects.bulk_create(_item(batch, each) for each in candidates)
    ring(batch)
    return batch


def _begins_at(action: Action, asked_at: datetime) -> datetime | None:
    """When its waiting time ends, if it has one."""
    delay = timedelta(seconds=settings.DELETION_DELAY_SECONDS)
    return asked_at + delay if action.many and action.many.is_delayed else None


def _executions(candidates: Iterable[Candidate]) -> list[TaskExecution]:
    return [each.execution for each in candidates if each.execution]


def _item(batch: Batch, candidate: Candidate) -> BatchItem:
    environment = candidate.environment
    return BatchItem(
        batch=batch, environment_id=environment.pk, environment_name=str(environment), target_id=candidate.target_id,
        execution_id=candidate.execution.pk if candidate.execution else None, steps=list(candidate.steps),
    )  # fmt: skip


def ring(batch: Batch) -> None:
    """Wake a worker; without Redis, the schedule picks the batch up a few seconds later."""
    try:
        drive_batches.apply_async(retry=False, expires=60)
    except OperationalError as error:
        log.warning("no worker was called", batch_id=str(batch.pk), error=str(error))


def continue_batch(*, batch: Batch, actor: User | AnonymousUser) -> bool:
    """Begin the items after the first ones. False where it has ended, was cancelled or continues. PermissionDenied."""
    if not actor.has_perm(KINDS[batch.action].action.permission):
        raise PermissionDenied("Your roles do not let you continue this.")
    now = timezone.now()
    waiting = Batch.objects.filter(pk=batch.pk, closed_at=None, cancelled_at=None, continued_at=None)
    continued = waiting.exclude(look_after=None).update(
        continued_at=now, continued_by=actor.get_username(), changed_at=now
    )
    if continued:
        ring(batch)
    batch.refresh_from_db()
    return bool(continued)


def cancel_batch(*, batch: Batch, actor: User | AnonymousUser) -> bool:
    """Ask for nothing more; runs in progress finish. False where it has ended or was cancelled. PermissionDenied."""
    if not actor.has_perm(KINDS[batch.action].action.permission):
        raise PermissionDenied("Your roles do not let you cancel this.")
    now = timezone.now()
    cancelled = Batch.objects.filter(pk=batch.pk, closed_at=None, cancelled_at=None).update(
        cancelled_at=now, cancelled_by=actor.get_username(), changed_at=now
    )
    if cancelled:
        BatchItem.objects.filter(batch=batch, state=ItemState.WAITING, step=0).update(
            state=ItemState.LEFT_OUT, why=f"{actor.get_username()} cancelled the batch first.", ended_at=now
        )
        ring(batch)
    batch.refresh_from_db()
    return bool(cancelled)
