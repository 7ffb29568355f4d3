"""Summaries of tasks and services by reference over all environments, computed by the sync."""

from __future__ import annotations

from django.db import models


class Summary(models.Model):
    """One reference. `name` is that of one of its environments; the id is derived from the reference."""

    id = models.UUIDField(primary_key=True, editable=False)
    reference = models.TextField(unique=True)
    name = models.TextField(blank=True, default="")
    environments = models.IntegerField()  # that have it now
    failed = models.IntegerField()
    failed_share = models.FloatField(null=True)  # 0 to 1
    computed_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.reference


class TaskSummary(Summary):
    """A task by reference. `failed` are those of the runs `ended` in 7 days; the share is NULL without any.

    Durations are of successful runs in 30 days, NULL without any.
    """

    under_way = models.IntegerField()
    ended = models.IntegerField()
    median = models.DurationField(null=True)
    p95 = models.DurationField(null=True)
    last_run_at = models.DateTimeField(null=True)
    marks = models.JSONField(default=list)  # newest first: {"id", "phase", "at"}


class ServiceSummary(Summary):
    """A service by reference; `failed` counts its environments in that phase."""

    running = models.IntegerField()
    phases = models.JSONField(default=dict)  # raw phase: count
    failures = models.JSONField(default=list)  # similar messages grouped: {"message", "count"}, most frequent first
