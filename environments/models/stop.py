"""Since when an environment is stopped and not archived, which the archive policy counts from."""

from __future__ import annotations

from django.db import models


class Stop(models.Model):
    """The newest transition of an environment into "stopped", or out of the archive, where it is stopped anew: it came
    after `old_seen_at` and by `seen_at`.

    Of one that was stopped already when it was first seen, that time, and no `old_seen_at`. Triggers write it
    (migrations/0006_stops.py), so that counting does not read a million transitions.
    """

    environment = models.OneToOneField("environments.Environment", on_delete=models.CASCADE, primary_key=True)
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk} stopped by {self.seen_at:%Y-%m-%d %H:%M:%S}"
