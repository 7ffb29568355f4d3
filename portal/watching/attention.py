"""Which environments have a stream of their own: those somebody looks at, and those with executions in progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from uuid import UUID

from automations.models import UNDER_WAY, TaskExecution

MOST = 20  # streams; each holds a connection


def chosen(
    looked_at: Iterable[str], in_progress: Iterable[UUID], had: Collection[UUID | None] = (), most: int = MOST
) -> list[UUID]:
    """The environments by how much they matter, those that `had` a stream first. Pure; not all names are ids."""
    found: dict[UUID, None] = {}
    for name in looked_at:
        with suppress(ValueError):
            found[UUID(name)] = None
    found |= dict.fromkeys(in_progress)
    return sorted(found, key=lambda each: each not in had)[:most]


def in_progress(most: int = MOST) -> list[UUID]:
    """Environments with executions in progress, the newest first."""
    executions = TaskExecution.objects.present().filter(phase__in=UNDER_WAY).order_by("-started_at")
    return list(executions.values_list("environment_id", flat=True)[:most])
