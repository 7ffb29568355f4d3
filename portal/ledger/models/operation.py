"""The ledger: one row for each change asked for through the portal, written before Ona is called.

Rows move one way, pending → succeeded, failed or unknown, and once closed never again: triggers of the database
refuse everything else, and deletion altogether (migrations/0002_append_only.py). Another trigger writes each step into
a chain (migrations/0004_chain.py), by which it is found out when somebody gets past them.
"""

from __future__ import annotations

from typing import ClassVar, Self
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat

from portal.lists.folding import Folded

BATCH = "batch"  # the target type of an operation that others are part of
NEW_LINE = Value("\n", output_field=models.TextField())


class Origin(models.TextChoices):
    """How a change was requested."""

    PAGE = "page", "page"
    API = "api", "API"
    COMMAND = "command", "command"


class Outcome(models.TextChoices):
    """How an operation ended. Unknown and not closed: still being reconciled."""

    PENDING = "pending", "pending"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    UNKNOWN = "unknown", "unknown"


class OperationQuerySet(models.QuerySet["Operation"]):
    """Questions about operations."""

    def newest_first(self) -> Self:
        return self.order_by("-asked_at", "-id")

    def of_environment(self, environment_id: UUID) -> Self:
        return self.filter(environment_id=environment_id)

    def whole(self) -> Self:
        """Without those that are part of another."""
        return self.filter(parent_id=None)

    def beside(self, operation: Operation) -> Self:
        """Others of its kind that may have been done beside it or since."""
        others = self.filter(action=operation.action, sent_at__isnull=False).exclude(pk=operation.pk)
        return others.exclude(outcome=Outcome.FAILED).filter(Q(closed_at=None) | Q(closed_at__gt=operation.asked_at))

    def open(self) -> Self:
        """Pending, or unknown and still being reconciled."""
        return self.filter(closed_at=None)


class Operation(models.Model):
    """A change that somebody asked for, and what became of it. Values of secrets and tokens are never part of it.

    `request`, `before` and `after` are JSON as Ona writes it: the request as it was sent, and the changed values as
    they were and as they were to be. `sent_at` is NULL where the call certainly never left the portal.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # no foreign keys: what happened stays as it was when users and environments are long gone
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.TextField()
    action = models.TextField()
    target_type = models.TextField()
    target_id = models.UUIDField(null=True)
    target_name = models.TextField(blank=True, default="")
    environment_id = models.UUIDField(null=True)
    # the operation this one is a part of: that of a batch
    parent_id = models.UUIDField(null=True)
    reason = models.TextField(blank=True, default="")
    request = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    origin = models.TextField(choices=Origin.choices, default=Origin.PAGE)
    # name and readable prefix of the portal's token that requested it; empty if a person did
    token = models.TextField(blank=True, default="", db_default="")
    # where the request came from; NULL and empty for commands, and for what is older than these columns
    address = models.GenericIPAddressField(null=True)
    browser = models.TextField(blank=True, default="", db_default="")
    # a keyed digest of the form that requested it; empty for what was requested without one
    content_digest = models.TextField(blank=True, default="", db_default="")
    # the e-mail address that is told once it succeeded; empty for nobody's
    tells = models.TextField(blank=True, default="", db_default="")
    asked_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    outcome = models.TextField(choices=Outcome.choices, default=Outcome.PENDING)
    code = models.TextField(blank=True, default="")
    message = models.TextField(blank=True, default="")
    request_id = models.TextField(blank=True, default="")
    # the portal's own words: how the outcome was found out, or why it cannot be
    explanation = models.TextField(blank=True, default="")
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("target_name"), NEW_LINE, F("actor_name"), NEW_LINE, F("action"), NEW_LINE, F("reason"), NEW_LINE,
                F("message"), NEW_LINE, Cast("target_id", models.TextField()), NEW_LINE,
                Cast("environment_id", models.TextField()), NEW_LINE, Cast("id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    objects = OperationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # the ledger, newest first: portal.ledger.views
            models.Index(F("asked_at").desc(), F("id").desc(), name="operation_newest"),
            # the ledger without what is part of another, newest first: portal.ledger.views
            models.Index(
                F("asked_at").desc(), F("id").desc(), name="operation_newest_whole", condition=Q(parent_id=None)
            ),
            # the parts of one operation: ?part-of=
            models.Index(
                F("parent_id"), F("asked_at").desc(), name="operation_of_parent", condition=Q(parent_id__isnull=False)
            ),
            # the operations of one environment, newest first: environments.detail.views
            models.Index(F("environment_id"), F("asked_at").desc(), name="operation_of_environment"),
            # what one person asked for: ?actor=
            models.Index(F("actor_name"), F("asked_at").desc(), name="operation_of_actor"),
            # one kind of action: ?action=
            models.Index(F("action"), F("asked_at").desc(), name="operation_of_action"),
            # what is not ended yet: environments.actions.reconcile
            models.Index(F("asked_at"), name="operation_open", condition=Q(closed_at=None)),
            # what did not end well: ?outcome=
            models.Index(
                F("outcome"), F("asked_at").desc(), name="operation_trouble", condition=~Q(outcome=Outcome.SUCCEEDED)
            ),
            # words of the search box
            GinIndex(fields=["search"], opclasses=["gin_trgm_ops"], name="operation_search"),
            # what was requested with a token: token:
            GinIndex(OpClass(Folded(F("token")), "gin_trgm_ops"), name="operation_token", condition=~Q(token="")),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.target_name or self.target_id} by {self.actor_name}: {self.outcome}"

    @property
    def is_open(self) -> bool:
        """Whether its outcome may still change."""
        return self.closed_at is None


class Entry(models.Model):
    """A link of the chain: one write of one operation, or an entry of the access log, whose id is then in
    `operation_id`. A trigger adds it in the transaction that wrote the operation.

    `content` is JSON as Postgres wrote it: the whole row at first, then the columns that changed. `digest` is its
    SHA-256, `hash` that of the entry and the one before it (portal.ledger.chain.verify.link), both in hexadecimal.
    """

    class Kind(models.TextChoices):
        """What was written."""

        BEGUN = "begun", "requested"
        SENT = "sent", "sent to Ona"
        UNKNOWN = "unknown", "outcome unknown"
        CLOSED = "closed", "ended"
        CHANGED = "changed", "changed"
        # an entry of the access log, which is written once
        ACCESS = "access", "access"
        # what was in the ledger before there was a chain: it proves nothing of the time before
        CHAINED_LATER = "chained later", "in the ledger before the chain"

    sequence = models.BigIntegerField(primary_key=True)  # from 1, without gaps
    operation_id = models.UUIDField()
    kind = models.TextField(choices=Kind.choices)
    content = models.TextField()
    digest = models.TextField()
    previous = models.TextField()
    hash = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        verbose_name_plural = "entries"
        indexes: ClassVar = [
            # the entries of one operation: portal.ledger.chain.verify, portal.ledger.views.operation_detail
            models.Index(fields=["operation_id", "sequence"], name="entry_of_operation"),
        ]

    def __str__(self) -> str:
        return f"entry {self.sequence}: {self.kind} of {self.operation_id}"


class Verification(models.Model):
    """One verification of the chain and its head at the time, sealed with the portal's secret key. Never deleted."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    entries = models.BigIntegerField()
    operations = models.BigIntegerField()
    # 0 and empty while the chain has no entry
    head_sequence = models.BigIntegerField()
    head_hash = models.TextField(blank=True)
    # how much was found wrong, and the first of it in words
    found = models.BigIntegerField()
    findings = models.JSONField(default=list)
    seal = models.TextField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes: ClassVar = [
            # the newest one: portal.ledger.chain.kept_verifications.latest
            models.Index(F("finished_at").desc(), name="verification_newest"),
        ]

    def __str__(self) -> str:
        ended = "it holds" if self.holds else f"it does not hold, {self.found:,} found"
        return f"{self.entries:,} entries, {self.finished_at:%Y-%m-%d %H:%M} UTC: {ended}"

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.found == 0
