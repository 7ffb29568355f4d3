"""What this app tells the rest of the portal when Django starts: its lists."""

from __future__ import annotations

from automations.batches.list import BATCH_ITEMS, BATCHES
from automations.by_reference.list import SERVICES, TASKS
from automations.by_reference.occurrences import SERVICE_ENVIRONMENTS, TASK_ENVIRONMENTS
from automations.executions.list import EXECUTIONS
from portal.lists import registry


def register() -> None:
    registry.register(EXECUTIONS, TASKS, SERVICES, TASK_ENVIRONMENTS, SERVICE_ENVIRONMENTS, BATCHES, BATCH_ITEMS)
