"""The past of environments in a form made for the question "as of": what held from when until when."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Case, F, When
from django.db.models.lookups import LessThanOrEqual

from environments.models.environment import Environment

SPANS = (1, 8, 64, 512, 4096, 32768)  # hours
UNBOUNDED = 0  # longer than all of them, or without an end


class Past(models.Model):
    """What an environment was from `valid_from` until before `valid_until`, when a change of it was seen.

    Ranges of one environment follow each other without gaps, from when it was first seen; the last one ends
    in the year 9999 and is as now. Written by triggers on environments, transitions and specification versions
    (migrations/0015_past.py), in their transaction. `manage.py check_past` compares it with them.
    """

    id = models.BigAutoField(primary_key=True)
    # no constraint: checking it would take as long as writing the row
    environment = models.ForeignKey(
        Environment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    phase = models.TextField()
    machine_phase = models.TextField()
    content_phase = models.TextField()
    devcontainer_phase = models.TextField()
    automations_phase = models.TextField()
    secrets_in_sync = models.BooleanField(null=True)
    failure = models.TextField()
    archived_at = models.DateTimeField(null=True)
    lockdown_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    spec_version = models.DecimalField(max_digits=20, decimal_places=0)
    desired_phase = models.TextField()
    never_stops = models.BooleanField()
    open_to_everyone = models.BooleanField()
    # its newest stop by then, or when it was first seen: as in `Stop`, where it has one
    stop_old_seen_at = models.DateTimeField(null=True)
    stop_seen_at = models.DateTimeField()
    # the first of SPANS that is as long as the range
    span = models.GeneratedField(
        expression=Case(
            *(
                When(LessThanOrEqual(F("valid_until") - F("valid_from"), timedelta(hours=hours)), then=hours)
                for hours in SPANS
            ),
            default=UNBOUNDED,
        ),
        output_field=models.IntegerField(),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            # the newest range of an environment: the triggers
            models.UniqueConstraint(fields=["environment", "valid_until"], name="past_once"),
        ]
        indexes: ClassVar = [
            # the ranges that hold at a time: environments.as_of.views
            models.Index(fields=["span", "valid_until", "valid_from"], name="past_at"),
        ]

    def __str__(self) -> str:
        return f"{self.environment_id} until {self.valid_until:%Y-%m-%d %H:%M:%S}"
