"""The past of environments in a form made for the question "as of": what held from when until when."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from environments.models.environment import Environment


class Past(models.Model):
    """What an environment was from `valid_from` until before `valid_until`, when a change of it was seen.

    Ranges of one environment follow each other without gaps, the first from the year 1; after the last one it is as
    now. Written by triggers on transitions and specification versions (migrations/0014_past.py), in their transaction.
    `manage.py check_past` compares it with them.
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

    class Meta:
        constraints: ClassVar = [
            # the newest range of an environment: the triggers
            models.UniqueConstraint(fields=["environment", "valid_until"], name="past_once"),
        ]
        indexes: ClassVar = [
            # the ranges that hold at a time: environments.as_of.views
            models.Index(fields=["valid_until", "valid_from"], name="past_at"),
        ]

    def __str__(self) -> str:
        return f"{self.environment_id} until {self.valid_until:%Y-%m-%d %H:%M:%S}"
