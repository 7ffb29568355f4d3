"""The figures of `/`, computed by the sync so that no visit has to count: `environments.overview`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F


class Snapshot(models.Model):
    """Counts of environments per key of a dimension, from the last full listing within an hour.

    An hour without a row was not observed. `counts` is {key: count}, without zeros.
    """

    class Dimension(models.TextChoices):
        CONDITION = "condition", "condition"
        PHASE = "phase", "phase"
        PROJECT = "project", "running, by project"
        CLASS = "class", "running, by class"

    id = models.BigAutoField(primary_key=True)
    hour = models.DateTimeField()
    dimension = models.TextField(choices=Dimension.choices)
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Snapshot]] = models.Manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            # one per hour, and the hours of a dimension in order: environments.overview.running_chart
            models.UniqueConstraint(fields=["dimension", "hour"], name="snapshot_of_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.hour:%Y-%m-%d %H:00}"


class RunningTime(models.Model):
    """How long environments of one owner, project or class were seen running on a day (UTC), in total seconds.

    Dimension "observed" has one row per day: for how long the sync observed. The key is an id, or empty for none.
    """

    OBSERVED = "observed"

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    dimension = models.TextField()
    key = models.TextField(blank=True, default="")
    seconds = models.FloatField(default=0)

    objects: ClassVar[models.Manager[RunningTime]] = models.Manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            # increased after each full listing; summed over days by environments.overview.top_consumers
            models.UniqueConstraint(fields=["day", "dimension", "key"], name="runningtime_of_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.key}: {self.seconds:.0f} s"


class StartUp(models.Model):
    """One start of an environment. `seconds` is NULL if its beginning was not observed.

    A creation begins at Ona's `createdAt`, a start when the portal first saw it starting; both end when the portal
    first saw the environment running. Each end may have been up to `uncertain` seconds earlier.
    """

    class Kind(models.TextChoices):
        CREATED = "created", "created"
        STARTED = "started", "started"

    # the transition to "running": each is counted once
    transition_id = models.BigIntegerField(primary_key=True)
    environment_id = models.UUIDField()
    kind = models.TextField(choices=Kind.choices, blank=True, default="")
    running_at = models.DateTimeField()
    seconds = models.FloatField(null=True)
    uncertain = models.FloatField(null=True)
    project_id = models.UUIDField(null=True)
    class_id = models.UUIDField(null=True)

    objects: ClassVar[models.Manager[StartUp]] = models.Manager()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            # those of recent days: environments.overview.startup_times
            models.Index(F("running_at"), name="startup_running_at"),
        ]

    def __str__(self) -> str:
        return f"{self.environment_id} {self.running_at:%Y-%m-%d %H:%M:%S}"


class FailureKind(models.Model):
    """Failures whose messages are equal without numbers, ids and paths, and when the first was seen."""

    fingerprint = models.TextField(primary_key=True)
    message = models.TextField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    objects: ClassVar[models.Manager[FailureKind]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.message


class OverviewPart(models.Model):
    """One rendered part of `/`, as of a full listing."""

    name = models.TextField(primary_key=True)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[OverviewPart]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
