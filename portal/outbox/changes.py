"""What people do to destinations and messages. Each change and its entry in the access log are one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection, transaction
from django.utils import timezone

from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind
from portal.ona.documents.tokens import Secret
from portal.outbox.channels import PURPOSE
from portal.outbox.events import TEST
from portal.outbox.models import Destination, Message, MessageQuerySet
from portal.web.encryption import encrypt

Actor = User | AbstractBaseUser | AnonymousUser
OVERLAP = timedelta(hours=24)  # so long the secret before a new one is valid, too
OWNERS = "Owners of environments"  # as the trigger names it: portal/outbox/migrations/0002_owners.py
SHOWN = ("name", "address", "events", "state")


class NotChanged(Exception):
    """It cannot be done; `args[0]` says why."""


def make_destination(
    *, actor: Actor, name: str, kind: str, address: str, events: Sequence[str], secret: Secret | None = None
) -> Destination:
    """An active destination. NotChanged if there is one of this name."""
    made = Destination(name=name, kind=kind, address=address, events=list(events))
    made.secret = encrypt(secret, PURPOSE) if secret else ""
    with transaction.atomic():
        _refuse_name_twice(made)
        _record(actor, made, {}, {"kind": kind, **_shown(made)})
        made.save(force_insert=True)
    return made


def change_destination(*, actor: Actor, destination: Destination, **columns: Any) -> None:
    """Set its name, address or events. NotChanged if there is another one of this name."""
    before = _shown(destination)
    for name, value in columns.items():
        setattr(destination, name, value)
    after = _shown(destination)
    differs = [name for name in SHOWN if before[name] != after[name]]
    with transaction.atomic():
        _refuse_name_twice(destination)
        if differs:
            _record(actor, destination, *({name: of[name] for name in differs} for of in (before, after)))
            destination.save(update_fields=differs)


def rotate_secret(*, actor: Actor, destination: Destination, secret: Secret) -> None:
    """Sign with `secret` from now on, and for a day with the one of now as well. NotChanged for e-mail."""
    if destination.kind != Destination.Kind.WEBHOOK:
        raise NotChanged("E-mail is not signed: it has no secret.")
    with transaction.atomic():
        _record(actor, destination, {}, {"secret_rotated": True})
        now = Destination.objects.select_for_update(no_key=True).get(pk=destination.pk)
        Destination.objects.filter(pk=now.pk).update(
            secret=encrypt(secret, PURPOSE), old_secret=now.secret, old_secret_until=timezone.now() + OVERLAP
        )


def set_state(*, actor: Actor, destination: Destination, state: str) -> None:
    """Mute it, or let it be sent to again, from now on."""
    with transaction.atomic():
        _record(actor, destination, {"state": destination.state}, {"state": state})
        Destination.objects.filter(pk=destination.pk).update(state=state, failures=0, retry_at=None)
        if state == Destination.State.ACTIVE:
            Message.objects.pending().filter(destination=destination).update(due_at=timezone.now())


def send_test(*, actor: Actor, destination: Destination) -> Message:
    """A message that says it is a test; it takes the way of every other."""
    if destination.kind == Destination.Kind.OWNERS:
        raise NotChanged("Each owner has an address of their own: there is nobody to send a test to.")
    now = timezone.now()
    with transaction.atomic():
        _record(actor, destination, {}, {"test_sent": True})
        with connection.cursor() as cursor:
            cursor.execute("SELECT outbox_lock()")
        return Message.objects.create(
            destination=destination, kind=TEST, content={"requested_by": actor.get_username()}, at=now, due_at=now
        )


def replay(*, actor: Actor, messages: MessageQuerySet, subject: str) -> int:
    """Send messages that are settled once more, under the same ids; returns their number."""
    settled = messages.exclude(state=Message.State.PENDING)
    return _set(actor, settled, subject, state=Message.State.PENDING, settled_at=None, first_tried_at=None, attempts=0)


def mute(*, actor: Actor, messages: MessageQuerySet, subject: str) -> int:
    """Never send messages that are pending or given up; returns their number."""
    unsent = messages.filter(state__in=(Message.State.PENDING, Message.State.DEAD))
    return _set(actor, unsent, subject, state=Message.State.MUTED, settled_at=timezone.now())


def _set(actor: Actor, messages: MessageQuerySet, subject: str, *, state: str, **columns: Any) -> int:
    with transaction.atomic():
        changed = messages.update(state=state, due_at=timezone.now(), **columns)
        if changed:
            after = {"state": state, "messages": changed}
            record_access(AccessKind.MESSAGE_CHANGED, actor=actor, subject=subject, after=after)
    return changed


def _shown(destination: Destination) -> dict[str, Any]:
    return {name: getattr(destination, name) for name in SHOWN}


def _record(actor: Actor, destination: Destination, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    record_access(
        AccessKind.DESTINATION_CHANGED, actor=actor, subject=destination.name, before=before, after=after
    )  # fmt: skip


def _refuse_name_twice(destination: Destination) -> None:
    is_reserved = destination.name.lower() == OWNERS.lower() and destination.kind != Destination.Kind.OWNERS
    if is_reserved or Destination.objects.filter(name__iexact=destination.name).exclude(pk=destination.pk).exists():
        raise NotChanged(f"There is a destination named {destination.name} already.")
