"""Every version of an environment's specification that the portal has seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models

if TYPE_CHECKING:
    from environments.models.environment import Environment


class SpecificationVersionQuerySet(models.QuerySet["SpecificationVersion"]):
    """Questions about versions of specifications."""

    def of(self, environment: Environment) -> Self:
        """Those of one environment, the highest first."""
        return self.filter(environment=environment).order_by("-spec_version")

    def seen_by(self, moment: datetime) -> Self:
        """Those that were known at `moment`; the highest of an environment is the one that held then."""
        return self.filter(seen_at__lte=moment)


class SpecificationVersion(models.Model):
    """One version of a specification as Ona told it. It came after `old_seen_at`, by `seen_at`.

    Written by `environments.sync.observe.observe` with the merge that brought it, once, and never changed or deleted:
    triggers of the database refuse both. `old_seen_at` is NULL where no older version was seen before it. Versions that
    came and went between two looks were never seen; what is known of them is that their numbers are missing.
    """

    id = models.BigAutoField(primary_key=True)
    # no constraint: checking it would cost the sweep, and what was seen stays
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
            # each once; the versions of one environment, the highest first: SpecificationVersionQuerySet.of
            models.UniqueConstraint(fields=["environment", "spec_version"], name="specification_version_once"),
        ]

    def __str__(self) -> str:
        return f"version {self.spec_version}, seen {self.seen_at:%Y-%m-%d %H:%M:%S}"
