"""What workers do for batches.

Everything stands in Postgres, so that any worker can go on where another one died: an item has the id of its operation
before Ona is asked, the operation its mark "sent" before the call leaves, and what became of a call whose answer was
never read is proven by Ona's state before it is asked again. One process drives a batch at a time.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from automations.batches import inverse
from automations.batches.registry import KINDS
from automations.batches.steps import Place, after_step, goes_back
from automations.models import ENDED, Batch, BatchItem, ItemState
from environments.actions.execute import NotPossible
from environments.actions.reconcile import NEVER_SENT, NOT_DONE_WORDS, settle
from environments.sync.job import exclusive_lock
from portal.directory.connection import ona
from portal.ledger import recording
from portal.ledger.models import BATCH, Operation, Origin, Outcome
from portal.ledger.recording import RequestContext
from portal.ona import OnaError
from portal.web.formatting import sentence

log = structlog.get_logger()
THREADS = 4  # that ask Ona at the same time, whatever number of environments may be under way
ATTEMPTS = 3
TURN = timedelta(seconds=20)  # a worker drives one batch no longer than this before it looks at the others
NOT_BEGUN = timedelta(minutes=2)
NOTHING_BEGUN = "The portal's process ended before the batch was recorded. Nothing was requested."
NO_LONGER_THERE = "The portal no longer has it."
NOT_ALLOWED = "The person who requested the batch may no longer do this."
NO_PERSON = "The person who requested the batch no longer has an account."


def drive_batches() -> int:
    """Bring every open batch as far as it comes now; how many were closed. Batches others drive are left to them."""
    _close_those_not_begun(timezone.now() - NOT_BEGUN)
    closed = 0
    for batch in Batch.objects.open().order_by("asked_at"):
        with exclusive_lock(f"batch {batch.pk}") as is_only_one:
            if is_only_one:
                closed += _driven(batch)
    return closed


def _driven(batch: Batch) -> bool:
    """As `drive`; what the portal does wrong with one batch does not keep the others waiting."""
    try:
        return drive(batch)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("driving failed", batch_id=str(batch.pk))
        return False


def drive(batch: Batch) -> bool:
    """Bring `batch` as far as it comes in one turn; True where it was closed. The caller is alone at it."""
    until = timezone.now() + TURN
    _take_up(batch)
    _follow(batch)
    _leave_out(batch)
    while timezone.now() < until and _ask_more(batch):
        _leave_out(batch)
    return _close(batch)


def _take_up(batch: Batch) -> None:
    """Items that another process requested without recording their outcome."""
    for item in batch.items.filter(state=ItemState.ASKED):
        operation = Operation.objects.filter(pk=item.operation_id).first() if item.operation_id else None
        if operation and operation.is_open:
            if operation.sent_at is None:  # its process is dead, for this one is alone
                recording.close_unsent(operation, NEVER_SENT)
            else:
                _settle(batch, operation)
        if operation is None or (operation.closed_at and _was_not_done(operation)):
            _again(item)
        elif operation.closed_at:
            _write_down(item, operation)


def _settle(batch: Batch, operation: Operation) -> None:
    late = timedelta(seconds=settings.OPERATION_PATIENCE_SECONDS)
    try:
        settle(ona(), operation, is_late=operation.asked_at < timezone.now() - late)
    except (OnaError, ValueError) as error:
        log.warning("settling failed", batch_id=str(batch.pk), operation_id=str(operation.pk), error=str(error))
    operation.refresh_from_db()


def _was_not_done(operation: Operation) -> bool:
    """Whether it is certain that the call never came to anything, by no refusal of Ona's."""
    return operation.outcome == Outcome.FAILED and operation.explanation in (NEVER_SENT, NOT_DONE_WORDS)


def _again(item: BatchItem) -> None:
    """Once more under another operation; after a few attempts it counts as failed."""
    if item.attempts >= ATTEMPTS:
        _end_step(item, ItemState.FAILED, f"{item.attempts} attempts, without a result.")
    else:
        _set(item, ItemState.WAITING)


def _leave_out(batch: Batch) -> None:
    """What still waits, once there were as many failures as were to stop it."""
    failures = batch.items.filter(Q(state=ItemState.FAILED) | Q(result=ItemState.FAILED)).count()
    if batch.stop_after is not None and failures >= batch.stop_after:
        why = f"The batch stopped after {failures} failure{'s' if failures != 1 else ''}."
        _update(batch, batch.items.filter(state=ItemState.WAITING, step=0), state=ItemState.LEFT_OUT, why=why)


def _ask_more(batch: Batch) -> int:
    """Request as many items as may be in progress; returns their number."""
    items = [] if batch.begins_at and batch.begins_at > timezone.now() else _next(batch)
    if not items:
        return 0
    operation = Operation.objects.get(pk=batch.pk)
    if operation.sent_at is None:
        recording.sent(operation)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda item: _ask(batch, operation, item), items))
    return len(items)


def _next(batch: Batch) -> list[BatchItem]:
    """Items that have begun and go on, then new ones: of those that come first, until somebody has looked."""
    waiting = batch.items.filter(state=ItemState.WAITING).order_by("id")
    begun = list(waiting.filter(step__gt=0)[:THREADS])
    under_way = batch.items.filter(Q(state__in=(ItemState.ASKED, ItemState.UNDER_WAY)) | Q(step__gt=0))
    free = min(batch.at_once - under_way.exclude(state__in=ENDED).count(), THREADS - len(begun))
    new = (batch.first() if batch.looks else batch.items).filter(state=ItemState.WAITING, step=0).order_by("id")
    return begun + list(new[: max(0, free)])


def _ask(batch: Batch, whole: Operation, item: BatchItem) -> None:
    """Ask for one item; in a thread, which gives its connection back."""
    try:
        if _claim(item):
            _ask_claimed(batch, whole, item)
    finally:
        connection.close()


def _claim(item: BatchItem) -> bool:
    """Give it an operation, unless it was taken or cancelled meanwhile."""
    item.operation_id, item.attempts = uuid.uuid4(), item.attempts + 1
    began_at = item.began_at if item.step else timezone.now()
    columns = {"operation_id": item.operation_id, "attempts": item.attempts, "began_at": began_at}
    claimed = BatchItem.objects.filter(pk=item.pk, state=ItemState.WAITING).update(state=ItemState.ASKED, **columns)
    return bool(claimed)


def _ask_claimed(batch: Batch, whole: Operation, item: BatchItem) -> None:
    actor = User.objects.filter(pk=whole.actor_id or 0, is_active=True).first()
    if actor is None:
        return _pass_over(item, NO_PERSON)
    context: RequestContext = {
        "actor": actor,
        "reason": whole.reason,
        "origin": Origin(whole.origin),
        "by_token": whole.token,
        "operation_id": item.operation_id,
        "parent_id": batch.pk,
    }
    try:
        operation = _request(batch, whole, item, context)
    except PermissionDenied:
        return _pass_over(item, NOT_ALLOWED)
    except NotPossible as reason:
        return _pass_over(item, str(reason))
    except ObjectDoesNotExist:
        return _pass_over(item, NO_LONGER_THERE)
    _write_down(item, operation)
    return None


def _request(batch: Batch, whole: Operation, item: BatchItem, context: RequestContext) -> Operation:
    kind = KINDS[item.action]
    if batch.undo_of and inverse.is_by_values(kind.action):
        return inverse.request(batch, item, context)
    return kind.request(item, whole.request, context)


def _pass_over(item: BatchItem, why: str) -> None:
    """Leave out an item of which no operation was begun."""
    item.operation_id = None
    _end_step(item, ItemState.LEFT_OUT, why)


def _write_down(item: BatchItem, operation: Operation) -> None:
    """Record the item's state from its operation; one that is unknown and open waits for a later turn."""
    match operation.outcome:
        case Outcome.SUCCEEDED if KINDS[item.action].is_followed:
            started = operation.after.get("executionId")
            steps = item.steps if goes_back(item.steps, operation) else item.steps[:-1]
            _set(item, ItemState.UNDER_WAY, steps=steps, **({"execution_id": started} if started else {}))
        case Outcome.SUCCEEDED:
            _end_step(item, ItemState.SUCCEEDED)
        case Outcome.FAILED:
            left_out = operation.code == NotPossible.code
            _end_step(item, ItemState.LEFT_OUT if left_out else ItemState.FAILED, operation.explanation)
        case Outcome.UNKNOWN if not operation.is_open:
            _end_step(item, ItemState.UNKNOWN, operation.explanation)


def _follow(batch: Batch) -> None:
    """Items under way that have ended."""
    items: dict[str, list[BatchItem]] = {}
    for item in batch.items.filter(state=ItemState.UNDER_WAY):
        items.setdefault(item.action, []).append(item)
    for action, those in items.items():
        KINDS[action].follow(those)
        for item, end in KINDS[action].ended(those, timezone.now()):
            _end_step(item, *end)


def _end_step(item: BatchItem, state: ItemState, why: str = "") -> None:
    """Go on to what follows in an item, or end it."""
    match after_step(item, state, why):
        case Place() as place:
            done: dict[str, Any] = {"step": place.step, "result": place.result, "result_why": place.why}
            _set(item, ItemState.WAITING, **done, operation_id=None, attempts=0)
        case end:
            _set(item, *end, operation_id=item.operation_id)


def _set(item: BatchItem, state: ItemState, why: str = "", **columns: Any) -> None:
    """Bring one item further; one that has ended stays as it is."""
    _update(item.batch, BatchItem.objects.filter(pk=item.pk), state=state, why=why, **columns)


def _update(batch: Batch, items: QuerySet[BatchItem], *, state: ItemState, why: str, **columns: Any) -> None:
    now = timezone.now()
    items.exclude(state__in=ENDED).update(state=state, why=why, ended_at=now if state in ENDED else None, **columns)
    Batch.objects.filter(pk=batch.pk).update(changed_at=now)


def _close(batch: Batch) -> bool:
    """Close the batch, and its operation, once every item has ended."""
    if batch.items.exclude(state__in=ENDED).exists():
        return False
    counts = {state: batch.items.filter(state=state).count() for state in ENDED}
    operation = Operation.objects.get(pk=batch.pk)
    words = ", ".join(f"{count:,} {state.label}" for state, count in counts.items() if count)
    is_good = counts[ItemState.SUCCEEDED] == sum(counts.values())
    outcome = Outcome.SUCCEEDED if is_good else Outcome.FAILED
    after = operation.after | {"results": {state.value: count for state, count in counts.items() if count}}
    recording.close(
        operation, outcome, after=after, code="" if is_good else "incomplete", explanation=f"{sentence(words)}."
    )
    now = timezone.now()
    return bool(Batch.objects.filter(pk=batch.pk, closed_at=None).update(closed_at=now, changed_at=now))


def _close_those_not_begun(before: datetime) -> None:
    """Operations whose process died before the batch was written."""
    lost = Operation.objects.open().filter(target_type=BATCH, asked_at__lt=before)
    for operation in lost.exclude(pk__in=Batch.objects.values("pk")):
        recording.close_unsent(operation, NOTHING_BEGUN)
