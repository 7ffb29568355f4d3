"""The Ona audit log, cached beside the ledger: it names who made changes outside the portal.

Rows are stored for good, like the ledger's: triggers refuse changes and deletion (migrations/0005_audit_logs.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat

from portal.lists.folding import Folded

NEW_LINE = Value("\n", output_field=models.TextField())
ENVIRONMENT = "RESOURCE_TYPE_ENVIRONMENT"


class AuditLogQuerySet(models.QuerySet["AuditLog"]):
    """Questions about entries."""

    def newest_first(self) -> Self:
        return self.order_by("-at", "-id")

    def of_environment(self, environment_id: UUID) -> Self:
        return self.filter(subject_id=environment_id)

    def outside(self) -> Self:
        """Those that no operation of the portal is probably behind."""
        return self.filter(operation_id=None)

    def near(self, environment_ids: Iterable[UUID], start: datetime, end: datetime) -> Self:
        """What was done to these environments outside the portal in a time, its ends included, newest first."""
        return self.outside().filter(subject_id__in=list(environment_ids), at__gte=start, at__lte=end).newest_first()


class AuditLog(models.Model):
    """An entry of Ona's audit log (EventService.ListAuditLogs): who did what to which resource, by Ona's clock.

    It names changed fields, not their values. `action` is in Ona's words, types and kinds are Ona's enum values,
    `document` is the entry as it came.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True)
    actor_principal = models.TextField(blank=True, default="")
    subject_id = models.UUIDField(null=True)
    subject_type = models.TextField(blank=True, default="")
    action = models.TextField(blank=True, default="")
    kind = models.TextField(blank=True, default="")
    document = models.JSONField(default=dict)
    # the portal's own: when it was read, and whether the actor is whose token the portal had then
    kept_at = models.DateTimeField()
    is_own = models.BooleanField(default=False)
    # the operation that is probably behind it (portal.ledger.audit_log_matching); no foreign key, as in the ledger
    operation_id = models.UUIDField(null=True)
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("action"), NEW_LINE, F("subject_type"), NEW_LINE, Cast("subject_id", models.TextField()), NEW_LINE,
                Cast("actor_id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # everything that Ona noted, newest first, and up to when it was read: environments.activity, .audit_logs
            models.Index(F("at").desc(), F("id").desc(), name="auditlog_newest"),
            # what happened outside the portal, newest first: environments.activity
            models.Index(
                F("at").desc(), F("id").desc(), name="auditlog_newest_outside", condition=Q(operation_id=None)
            ),
            # what was done to one thing, newest first: environments.activity, environments.timeline.audit_log_source
            models.Index(F("subject_id"), F("at").desc(), F("id").desc(), name="auditlog_of_subject"),
            # what one account did, newest first: environments.activity
            models.Index(F("actor_id"), F("at").desc(), F("id").desc(), name="auditlog_of_actor"),
            # the entries beneath operations: environments.activity
            models.Index(F("operation_id"), name="auditlog_of_operation", condition=Q(operation_id__isnull=False)),
            # the portal's own that have no operation yet: portal.ledger.audit_log_matching
            models.Index(F("at"), name="auditlog_unmatched", condition=Q(is_own=True, operation_id=None)),
            # words of the search box
            GinIndex(fields=["search"], opclasses=["gin_trgm_ops"], name="auditlog_search"),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.subject_id} by {self.actor_id} at {self.at:%Y-%m-%d %H:%M:%S}"


class AuditLogGap(models.Model):
    """A time of Ona's audit log that is still to be read: from `start` (NULL: the log's beginning) to before `end`
    (NULL: now). It is read from its end, and gets shorter page by page."""

    id = models.BigAutoField(primary_key=True)
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"audit log from {self.start or 'its beginning'} to {self.end or 'now'}"
