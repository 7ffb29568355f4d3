"""The observed versions of environments' specifications."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.db import models

from environments.models.environment import Environment


class SpecificationVersionQuerySet(models.QuerySet["SpecificationVersion"]):
    """Versions of specifications by condition."""

    def of(self, environment: Environment) -> Self:
        """Versions of one environment, highest first."""
        return self.filter(environment=environment).order_by("-spec_version")

    def recorded_by(self, at: datetime) -> Self:
        """Versions recorded by `at`; the highest of an environment was in force then."""
        return self.filter(seen_at__lte=at)


class SpecificationVersion(models.Model):
    """One version of a specification. It was created after `old_seen_at`, by `seen_at`.

    Written once by `environments.sync.observe.observe`, together with the merge; database triggers reject updates and
    deletes. `old_seen_at` is NULL if no older version was seen. Versions replaced between two syncs were never seen;
    only their numbers are missing.
    """

    id = models.BigAutoField(primary_key=True)
    # no constraint: checking it would slow down the full listing, and versions are never deleted
    environment = models.ForeignKey(
        "environments.Environment", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    spec_version = models.DecimalField(max_digits=20, decimal_places=0)
    spec = models.JSONField()
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    objects = SpecificationVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # each once; versions of one environment, highest first: SpecificationVersionQuerySet.of
            models.UniqueConstraint(fields=["environment", "spec_version"], name="specification_version_once"),
        ]

    def __str__(self) -> str:
        return f"version {self.spec_version}, seen {self.seen_at:%Y-%m-%d %H:%M:%S}"
