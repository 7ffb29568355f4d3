"""What automations know of the work that stopping environments would end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from automations.models import ExecutionPhase, Service, ServicePhase, Task, TaskExecution
from environments.actions.losses import Loss
from environments.models import Environment

NAMED = 5
UNDER_WAY = [ExecutionPhase.PENDING, ExecutionPhase.RUNNING]
UP = [ServicePhase.STARTING, ServicePhase.RUNNING]


def running_work(environments: Sequence[Environment]) -> dict[UUID, list[Loss]]:
    """Executions and services under way in each; three queries."""
    ids = [environment.pk for environment in environments]
    executions = TaskExecution.objects.present().filter(environment__in=ids, phase__in=UNDER_WAY)
    started = list(executions.values_list("environment_id", "task_id"))
    known = Task.objects.only("name", "reference").in_bulk({task_id for _, task_id in started})
    services = Service.objects.present().filter(environment__in=ids, phase__in=UP)
    found: dict[UUID, list[Loss]] = {}
    for tone, thing, named in (
        ("red", "task execution", [(id_, str(known.get(task_id, ""))) for id_, task_id in started]),
        ("gray", "service", services.values_list("environment_id", "reference")),
    ):
        for id_, names in _by_environment(named).items():
            found.setdefault(id_, []).append(Loss(tone, _words(thing, names)))
    return found


def _by_environment(named: Iterable[tuple[UUID, str]]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for id_, name in named:
        found.setdefault(id_, []).append(name)
    return found


def _words(thing: str, names: list[str]) -> str:
    more = " and more" if len(names) > NAMED else ""
    return f"Running {thing}s: {', '.join(name or 'unnamed' for name in names[:NAMED])}{more}."
