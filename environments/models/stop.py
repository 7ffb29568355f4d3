"""Since when environments have been stopped and not archived: the archive policy counts from then."""

from __future__ import annotations

from django.db import models


class Stop(models.Model):
    """When an environment was last stopped, or unarchived while stopped: after `old_seen_at`, by `seen_at`.

    For environments already stopped when first seen, it holds that time and no `old_seen_at`. Written by triggers
    (migrations/0006_stops.py), so that counting does not read a million transitions.
    """

    environment = models.OneToOneField("environments.Environment", on_delete=models.CASCADE, primary_key=True)
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk} stopped by {self.seen_at:%Y-%m-%d %H:%M:%S}"
