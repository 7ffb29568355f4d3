"""Sending messages: at least once, and in order for each environment and destination.

A process leases a destination by a conditional statement, and sends its messages one after another. If it is killed,
the lease ends by itself and another process goes on: what was sent, but not recorded, is sent again under the same id.
No transaction is open while something is sent.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from portal.outbox.channels import Channel, Sent, channel_to
from portal.outbox.models import OPENS_AFTER, Attempt, Destination, Message

BATCH = 100  # messages that are read at once
THREADS = 8  # destinations at once: a slow one holds up none of the others
MAX_RUN = 30.0  # seconds for one destination: then others have their turn
FIRST_WAIT, GROWTH, MAX_WAIT = timedelta(seconds=5), 5, timedelta(hours=24)
GIVE_UP_AFTER = timedelta(days=3)  # since the first attempt
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=30), timedelta(minutes=15)  # of an open circuit, doubled each time
RETENTION = timedelta(days=90)
JITTER = (0.8, 1.2)
log = structlog.get_logger()


def delete_old() -> None:
    """Delete messages that were delivered or muted long ago, with their attempts; what was given up stays."""
    settled = (Message.State.DELIVERED, Message.State.MUTED)
    Message.objects.filter(state__in=settled, settled_at__lt=timezone.now() - RETENTION).delete()


def deliver_due() -> None:
    """Send what is due, each destination in a thread."""
    due = list(Destination.objects.due().values_list("pk", flat=True))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(_in_thread, due))


def _in_thread(destination_id: int) -> None:
    try:
        deliver_to(destination_id)
    finally:
        connection.close()


def deliver_to(destination_id: int) -> int:
    """Send what is due to one destination, unless another process does; returns the number of attempts."""
    lease, attempts = uuid.uuid4(), 0
    destination = _claim(destination_id, lease)
    if destination is None:
        return 0
    with channel_to(destination) as channel:
        for message in _in_turn(destination_id, lease):
            _attempt(message, lease, channel)
            attempts += 1
    Destination.objects.filter(pk=destination_id, lease=lease).update(lease=None, leased_until=None)
    return attempts


def _in_turn(destination_id: int, lease: uuid.UUID) -> Iterator[Message]:
    """What is sent next, while there is anything, the lease holds, and its time is not over.

    Once one of an environment was not delivered, those behind it wait.
    """
    ends_at, is_over = time.monotonic() + MAX_RUN, False
    while not is_over and (batch := _batch(destination_id)):
        blocked: set[uuid.UUID | None] = set()
        for message in batch:
            if message.environment_id in blocked:
                continue
            if is_over := time.monotonic() > ends_at or not _renew(destination_id, lease):
                break
            yield message
            if message.environment_id and message.state == Message.State.PENDING:
                blocked.add(message.environment_id)


def _batch(destination_id: int) -> list[Message]:
    """The messages that are due, in order.

    With an open circuit it is one, due or not: that which has waited longest, so that one which always fails does not
    keep the circuit open.
    """
    messages = Message.objects.filter(destination=destination_id)
    if Destination.objects.filter(pk=destination_id, failures__gte=OPENS_AFTER).exists():
        return list(messages.filter(pk__in=messages.heads().values("pk")).order_by("due_at", "id")[:1])
    return list(messages.sendable()[:BATCH])


def _claim(destination_id: int, lease: uuid.UUID) -> Destination | None:
    """Lease the destination; None if there is nothing to send, or another process has it or is about to."""
    with transaction.atomic():
        free = Destination.objects.due().filter(pk=destination_id).exclude(leased_until__gt=timezone.now())
        destination = free.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
        if destination:
            Destination.objects.filter(pk=destination_id).update(lease=lease, leased_until=_lease_end())
    return destination


def _lease_end() -> Any:
    """An attempt ends well before it."""
    return timezone.now() + timedelta(seconds=2 * settings.OUTBOX_TIMEOUT_SECONDS)


def _renew(destination_id: int, lease: uuid.UUID) -> bool:
    """Prolong the lease; False if another process has it, or nothing is to be sent now."""
    held = Destination.objects.sendable().filter(pk=destination_id, lease=lease)
    return bool(held.update(leased_until=_lease_end()))


def _attempt(message: Message, lease: uuid.UUID, channel: Channel) -> None:
    """Send a message, unless it was muted meanwhile; it then is what became of it."""
    now = timezone.now()
    with transaction.atomic():
        waiting = Message.objects.pending().filter(pk=message.pk)
        if not waiting.update(attempts=F("attempts") + 1, first_tried_at=Coalesce("first_tried_at", now)):
            return
        attempt = Attempt.objects.create(message=message, at=now)
    message.attempts, message.first_tried_at = message.attempts + 1, message.first_tried_at or now
    began = time.monotonic()
    sent = channel.send(message)
    attempt.duration = timedelta(seconds=time.monotonic() - began)
    attempt.status, attempt.failure, attempt.answer = sent.status, sent.failure, sent.answer
    with transaction.atomic():
        attempt.save(update_fields=["duration", "status", "failure", "answer"])
        _record(message, lease, sent)


def _record(message: Message, lease: uuid.UUID, sent: Sent) -> None:
    """What became of the message and its destination; nothing if another process has the destination by now."""
    held = Destination.objects.filter(pk=message.destination_id, lease=lease).select_for_update(no_key=True).first()
    if held is None:
        return
    waiting = Message.objects.pending().filter(destination=held)
    if sent.is_delivered:
        message.state = Message.State.DELIVERED
        waiting.filter(pk=message.pk).update(state=message.state, settled_at=timezone.now())
        if held.is_open:
            waiting.update(due_at=timezone.now())
        if held.failures:
            Destination.objects.filter(pk=held.pk).update(failures=0, retry_at=None)
        return
    log.info("message not delivered", message=message.pk, destination=held.pk, status=sent.status, why=sent.failure)
    waiting.filter(pk=message.pk).update(**_after_failure(message, sent))
    if not sent.is_final:
        Destination.objects.filter(pk=held.pk).update(**_of_failing(held, sent))


def _after_failure(message: Message, sent: Sent) -> dict[str, Any]:
    """When the message is sent again; or that it is given up."""
    now = timezone.now()
    is_late = message.first_tried_at is not None and now - message.first_tried_at > GIVE_UP_AFTER
    if sent.is_final or (is_late and not sent.is_gone):
        return {"state": Message.State.DEAD, "settled_at": now}
    wait = min(FIRST_WAIT * GROWTH ** min(message.attempts - 1, 9), MAX_WAIT) * random.uniform(*JITTER)  # noqa: S311
    return {"due_at": now + max(wait, min(sent.retry_after or timedelta(), MAX_WAIT))}


def _of_failing(held: Destination, sent: Sent) -> dict[str, Any]:
    """How the destination goes on: disabled, or paused while the circuit is open or as long as the receiver asks."""
    if sent.is_gone:
        return {"state": Destination.State.DISABLED, "failures": 0, "retry_at": None}
    failures = held.failures + 1
    pause = timedelta()
    if failures >= OPENS_AFTER:
        growth = 2 ** min(failures - OPENS_AFTER, 9)
        pause = min(FIRST_PAUSE * growth, MAX_PAUSE) * random.uniform(*JITTER)  # noqa: S311
    pause = max(pause, min(sent.retry_after or timedelta(), MAX_WAIT))
    return {"failures": failures, "retry_at": timezone.now() + pause if pause else None}
