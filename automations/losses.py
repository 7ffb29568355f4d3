"""What automations know of the work that stopping an environment would end."""

from __future__ import annotations

from automations.models import ExecutionPhase, Service, ServicePhase, Task, TaskExecution
from environments.losses import Loss
from environments.models import Environment

NAMED = 5
UNDER_WAY = [ExecutionPhase.PENDING, ExecutionPhase.RUNNING]


def running_work(environment: Environment) -> list[Loss]:
    """Executions and services under way."""
    under_way = TaskExecution.objects.of(environment).filter(phase__in=UNDER_WAY)
    tasks = list(under_way.values_list("task_id", flat=True)[: NAMED + 1])
    known = Task.objects.in_bulk(tasks)
    services = Service.objects.of(environment).filter(phase__in=[ServicePhase.STARTING, ServicePhase.RUNNING])
    found = [
        ("red", "task execution", [str(known.get(task, "")) for task in tasks]),
        ("gray", "service", list(services.values_list("reference", flat=True)[: NAMED + 1])),
    ]
    return [Loss(tone, _words(thing, names)) for tone, thing, names in found if names]


def _words(thing: str, names: list[str]) -> str:
    more = " and more" if len(names) > NAMED else ""
    return f"Running {thing}s: {', '.join(name or 'unnamed' for name in names[:NAMED])}{more}."
