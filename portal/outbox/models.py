"""The outbox: destinations, the messages to them, and each attempt at sending one.

A message is written in the transaction of what it is about, mostly by triggers (migrations/0001_outbox.py); so it is
there if and only if that happened. `portal.outbox.delivery` sends it, at least once.
"""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

OPENS_AFTER = 5  # failures in a row, of any message: then the circuit breaker opens


class DestinationQuerySet(models.QuerySet["Destination"]):
    """Questions about destinations."""

    def due(self) -> Self:
        """Those to which something is to be sent now."""
        now = timezone.now()
        waiting = Message.objects.filter(destination=OuterRef("pk"), state=Message.State.PENDING)
        is_due = Q(Exists(waiting.filter(due_at__lte=now))) | Q(Exists(waiting), failures__gte=OPENS_AFTER)
        return self.filter(is_due).sendable()

    def sendable(self) -> Self:
        """Active, and not waiting for a receiver."""
        at = timezone.now()
        return self.filter(Q(retry_at=None) | Q(retry_at__lte=at), state=Destination.State.ACTIVE)


class Destination(models.Model):
    """Where messages go. Its secrets are encrypted (portal.web.encryption), and never shown.

    `failures` counts attempts that failed, one after another; from OPENS_AFTER on the circuit is open: nothing is sent
    before `retry_at`, then one message. `lease` is the process that sends now, until `leased_until`.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "webhook"
        EMAIL = "e-mail", "e-mail"
        # there is one, which the trigger makes: each message has an address of its own
        OWNERS = "owners", "e-mail to owners"

    class State(models.TextChoices):
        """Only an active one is sent anything. Messages to the others wait."""

        ACTIVE = "active", "active"
        MUTED = "muted", "muted"
        DISABLED = "disabled", "disabled"  # it answered 410

    name = models.TextField(unique=True)
    kind = models.TextField(choices=Kind.choices)
    # a URL, or an e-mail address
    address = models.TextField()
    events = ArrayField(models.TextField(), default=list)
    state = models.TextField(choices=State.choices, default=State.ACTIVE)
    made_at = models.DateTimeField(default=timezone.now)
    secret = models.TextField(blank=True)
    # the one before it, which receivers may have still
    old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        # not "view": that is what every role may do (portal.accounts.roles)
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind"], condition=Q(kind="owners"), name="one_destination_of_owners")
        ]
        permissions = [
            ("see_outbox", "Can see destinations, messages and attempts"),
            ("manage_destinations", "Can change destinations, and replay and mute messages"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker is open."""
        return self.failures >= OPENS_AFTER


class MessageQuerySet(models.QuerySet["Message"]):
    """Questions about messages."""

    def pending(self) -> Self:
        return self.filter(state=Message.State.PENDING)

    def heads(self) -> Self:
        """Of one destination: the first pending one of each environment."""
        return self.pending().order_by("environment_id", "id").distinct("environment_id")

    def sendable(self) -> Self:
        """Pending and due, in order; not of an environment of which one waits to be sent again."""
        same = {"destination": OuterRef("destination"), "environment_id": OuterRef("environment_id")}
        waiting = Message.objects.pending().filter(**same, due_at__gt=timezone.now())
        return self.pending().filter(due_at__lte=timezone.now()).exclude(Exists(waiting)).order_by("id")


class Message(models.Model):
    """One event for one destination. Their order is that of the primary key, which is that of their commits."""

    class State(models.TextChoices):
        """What became of it."""

        PENDING = "pending", "pending"
        DELIVERED = "delivered", "delivered"
        DEAD = "dead", "given up"
        MUTED = "muted", "muted"

    id = models.BigAutoField(primary_key=True)
    # what receivers know it by; the same in each attempt
    message_id = models.UUIDField(unique=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, db_index=False)
    kind = models.TextField()
    # the address of whom it is for, if not the destination's
    to = models.TextField(blank=True, default="", db_default="")
    environment_id = models.UUIDField(null=True)
    content = models.JSONField()
    at = models.DateTimeField()
    state = models.TextField(choices=State.choices, default=State.PENDING, db_default=State.PENDING)
    attempts = models.IntegerField(default=0, db_default=0)
    first_tried_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            # what is sent next: MessageQuerySet.sendable
            models.Index(fields=["destination", "id"], name="message_pending", condition=Q(state="pending")),
            # the first of each environment: MessageQuerySet.heads
            models.Index(
                fields=["destination", "environment_id", "id"], name="message_waiting", condition=Q(state="pending")
            ),
            # messages, newest first: portal.outbox.list
            models.Index(F("at").desc(), F("id").desc(), name="message_newest"),
            # those of one destination: ?destination=
            models.Index(F("destination"), F("at").desc(), F("id").desc(), name="message_of_destination"),
            # those of one environment: ?environment=
            models.Index(F("environment_id"), F("at").desc(), name="message_of_environment"),
            # given up or muted: ?state=
            models.Index(F("state"), F("at").desc(), name="message_unsent", condition=~Q(state="delivered")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.destination_id}: {self.state}"


class Attempt(models.Model):
    """One attempt at sending a message. It is written before it, and completed after it; one whose process was killed
    meanwhile has no duration."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, db_index=False)
    at = models.DateTimeField()
    duration = models.DurationField(null=True)
    # as answered, by HTTP or SMTP; NULL without an answer
    status = models.IntegerField(null=True)
    # why there was no answer, in words
    failure = models.TextField(blank=True)
    # the first KB of the answer
    answer = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            # attempts, newest first: portal.outbox.list
            models.Index(F("at").desc(), F("id").desc(), name="attempt_newest"),
            # those of one message: portal.outbox.views
            models.Index(F("message"), F("at").desc(), name="attempt_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}: {self.status or self.failure or 'no answer'}"

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
