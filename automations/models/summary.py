"""What is known of each task and service by its reference, over all environments: counted by the sync."""

from __future__ import annotations

from django.db import models


class Summary(models.Model):
    """One reference. `name` is what one of its environments calls it; the id follows from the reference."""

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
    """A task by reference. `failed` are runs among the `ended` ones of the last 7 days; the share is NULL without any.

    Durations are those of successful runs of the last 30 days, NULL where there was none.
    """

    under_way = models.IntegerField()
    ended = models.IntegerField()
    median = models.DurationField(null=True)
    p95 = models.DurationField(null=True)
    last_run_at = models.DateTimeField(null=True)
    marks = models.JSONField(default=list)  # the newest runs, newest first: {"id", "phase", "at"}


class ServiceSummary(Summary):
    """A service by reference; `failed` are those of its environments in which it is in that phase."""

    running = models.IntegerField()
    phases = models.JSONField(default=dict)  # phase as Ona writes it: how many
    failures = models.JSONField(default=list)  # alike messages together: {"message", "count"}, most frequent first
