"""What pages show of the services, tasks and executions of one environment, read from their rows and documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from automations.models import Service, Task, TaskExecution
from environments.facts import NOT_SET, Fact
from environments.reading import Part
from environments.words import TRIGGERS

ROLES = {
    "SERVICE_ROLE_DEFAULT": "default",
    "SERVICE_ROLE_EDITOR": "editor",
    "SERVICE_ROLE_AI_AGENT": "AI agent",
    "SERVICE_ROLE_SECURITY_AGENT": "security agent",
}


@dataclass(frozen=True, slots=True)
class ServiceRow:
    service: Service
    triggers: list[str]
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class TaskRow:
    task: Task
    triggers: list[str]
    last: TaskExecution | None
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    execution: TaskExecution
    task: Task | None
    started_by: str
    failures: list[str]


def service_row(service: Service) -> ServiceRow:
    spec = Part(service.spec)
    commands = spec.part("commands")
    facts = [
        Fact("Reference", service.reference, "code"),
        Fact("Id", str(service.id), "code"),
        Fact("Role", "" if service.role.endswith("_UNSPECIFIED") else ROLES.get(service.role, service.role)),
        Fact("Desired phase", service.desired_phase, "phase", NOT_SET),
        Fact("Start", commands.text("start"), "code"),
        Fact("Ready", commands.text("ready"), "code", NOT_SET),
        Fact("Stop", commands.text("stop"), "code", NOT_SET),
        Fact("Readiness timeout", spec.duration("readinessTimeout"), "duration", NOT_SET),
        *_surroundings(spec),
        Fact("Logs", service.log_url, "link"),
    ]
    return ServiceRow(service, triggers(service.triggers), facts)


def task_row(task: Task, last: Mapping[UUID, TaskExecution], names: Mapping[UUID, Task]) -> TaskRow:
    spec = Part(task.spec)
    needs = [str(names[id_]) if id_ in names else str(id_) for id_ in task.depends_on]
    facts = [
        Fact("Reference", task.reference, "code"),
        Fact("Id", str(task.id), "code"),
        Fact("Command", task.command, "code"),
        Fact("Depends on", needs, "list", "nothing"),
        Fact("Prebuild needs it to succeed", spec.flag("prebuildRequiresSuccess"), "flag"),
        *_surroundings(spec),
    ]
    return TaskRow(task, triggers(task.triggers), last.get(task.id), facts)


def execution_row(execution: TaskExecution, names: Mapping[UUID, Task], people: Mapping[str, str]) -> ExecutionRow:
    """With the failures of its steps, where they say more than the execution itself."""
    steps = (step.text("failureMessage") for step in Part(execution.status).parts("steps"))
    failures = [execution.failure, *steps]
    started_by = people.get(execution.started_by) or execution.started_by
    return ExecutionRow(
        execution, names.get(execution.task_id), started_by, list(dict.fromkeys(f for f in failures if f))
    )


def triggers(names: Iterable[str]) -> list[str]:
    return [TRIGGERS.get(name, name) for name in names]


def _surroundings(spec: Part) -> Sequence[Fact]:
    """Where it runs, and the variables it gets: by name only, a value may be a secret."""
    target = spec.part("runsOn")
    image = target.part("docker").text("image")
    where = f"container {image}" if image else "the machine" if "machine" in target else ""
    variables = [item.text("name") for item in spec.parts("env")]
    return [Fact("Runs on", where, absent="the devcontainer"), Fact("Variables", variables, "list", "none")]
