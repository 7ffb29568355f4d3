"""What the sync keeps for `/`, so that no visit has to count: see `environments.overview`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F


class Snapshot(models.Model):
    """How many environments there were of each key of a dimension, as the last sweep of an hour saw them.

    An hour without a row was not observed. `counts` is {key: count} with every key that had any.
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
            # one of each hour, and the hours of a dimension in order: environments.overview.running_chart
            models.UniqueConstraint(fields=["dimension", "hour"], name="snapshot_of_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.hour:%Y-%m-%d %H:00}"


class RunningTime(models.Model):
    """How long environments of one owner, project or class were seen running on one day (UTC), together, in seconds.

    Dimension "observed" has one row a day: for how long the sync looked. Key is an id, or empty for none.
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
            # added to by each sweep; summed over days by environments.overview.top_consumers
            models.UniqueConstraint(fields=["day", "dimension", "key"], name="runningtime_of_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.key}: {self.seconds:.0f} s"


class StartUp(models.Model):
    """One time an environment came to run. `seconds` is NULL where its beginning was not observed.

    A creation begins at Ona's own `createdAt`, a start when the portal first saw it starting. The end is when the
    portal first saw it running. Either may have been up to `uncertain` seconds earlier.
    """

    class Kind(models.TextChoices):
        CREATED = "created", "created"
        STARTED = "started", "started"

    # the transition into "running": the same one is never counted twice
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
            # those of the last days: environments.overview.startup_times
            models.Index(F("running_at"), name="startup_running_at"),
        ]

    def __str__(self) -> str:
        return f"{self.environment_id} {self.running_at:%Y-%m-%d %H:%M:%S}"


class FailureKind(models.Model):
    """Failures whose messages are alike once numbers, ids and paths are left out: when the portal saw the first."""

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
    """One part of `/`, ready to be shown, as of a sweep."""

    name = models.TextField(primary_key=True)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[OverviewPart]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
