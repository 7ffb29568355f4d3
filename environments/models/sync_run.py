"""Runs of the sync jobs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def latest_successful(self, kind: str) -> SyncRun | None:
        """The newest successful run of `kind`, which pages show as "as of"."""
        return self.filter(kind=kind, state=SyncRun.State.SUCCEEDED).order_by("-started_at").first()


class SyncRun(models.Model):
    """One run of a sync job: what it did and how it ended. The next run closes a row that a crash left running."""

    class Kind(models.TextChoices):
        ENVIRONMENTS = "environments", "environments"
        AUTOMATIONS = "automations", "automations of running environments"
        ALL_AUTOMATIONS = "all_automations", "automations of all environments"
        DIRECTORY = "directory", "directory and policies"
        SECRETS = "secrets", "secrets"
        AUDIT_LOGS = "audit_logs", "Ona's audit log"
        EVENTS = "events", "event stream"  # a connection to it: portal.watching

    class State(models.TextChoices):
        RUNNING = "running", "running"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        SKIPPED = "skipped", "skipped"
        REFUSED = "refused", "not allowed"  # the token is not permitted to read it; another run would not help

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    pages = models.IntegerField(default=0)
    requests = models.IntegerField(default=0)
    retries = models.IntegerField(default=0)
    listed = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    transitions = models.IntegerField(default=0)
    malformed = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)
    error_code = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")
    request_id = models.TextField(blank=True, default="")

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # the runs of one kind, newest first: SyncRunQuerySet.latest_successful, environments.sync.list
            models.Index(F("kind"), F("started_at").desc(), name="syncrun_newest_of_kind"),
            # the runs of every kind, newest first: environments.sync.list
            models.Index(F("started_at").desc(), F("id").desc(), name="syncrun_newest"),
            # when all environments were listed, from the index alone: environments.timeline.observed
            models.Index(
                fields=["started_at"], include=["finished_at"],
                name="syncrun_swept", condition=Q(kind="environments", state="succeeded"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.state} {self.started_at:%Y-%m-%d %H:%M:%S}"

    @property
    def seconds(self) -> float | None:
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None
