"""What entries of Ona's audit log are about, by name: tasks, their runs, and services, each with its environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from automations.models import Service, Task, TaskExecution
from environments.activity.rows import PREFIX, Named


def _in_environment(model: Any, name: str) -> Named:
    """Its name, or its reference where it has none, and where it is."""

    def named(ids: Iterable[UUID]) -> Mapping[UUID, str]:
        rows = model.objects.filter(pk__in=ids).values_list("pk", name, "reference", "environment_name")
        return {pk: f"{own or reference or 'unnamed'} in {where or 'unnamed'}" for pk, own, reference, where in rows}

    return named


NAMED: Mapping[str, Named] = {
    f"{PREFIX}TASK": _in_environment(Task, "name"),
    f"{PREFIX}TASK_EXECUTION": _in_environment(TaskExecution, "task_name"),
    f"{PREFIX}SERVICE": _in_environment(Service, "name"),
}
