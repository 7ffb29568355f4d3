"""Describe an environment's services and tasks as an automations file, and what such a file cannot hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from automations.file_format import rules
from automations.file_format.problems import shortened
from automations.models import Service, Task
from environments.documents.json_part import Part
from portal.web.enum_labels import TRIGGERS

ROLES = {"": "", "SERVICE_ROLE_UNSPECIFIED": "", "SERVICE_ROLE_DEFAULT": "", "SERVICE_ROLE_EDITOR": "editor",
         "SERVICE_ROLE_AI_AGENT": "ai-agent"}  # fmt: skip
CALLED = {"services": "Service", "tasks": "Task"}
Entry = dict[str, Any]


@dataclass(slots=True)
class Described:
    """`message` as in UpsertAutomationsFileRequest; `left_out` lists what is lost, in sentences.

    `present` has all services and tasks with a reference, including those that no file can hold.
    """

    message: dict[str, dict[str, Entry]] = field(default_factory=dict)
    present: dict[str, dict[str, Entry]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def describe(services: Iterable[Service], tasks: Iterable[Task]) -> Described:
    """Describe the present services and tasks."""
    description = Described()
    services, tasks = list(services), list(tasks)
    names = {service.id: service.reference for service in services} | {task.id: task.reference for task in tasks}
    _add_entries(description, "services", ((service, _service(description, service)) for service in services))
    _add_entries(description, "tasks", ((task, _task(description, task, names)) for task in tasks))
    _drop_unknown_needs(description)
    description.message = {kind: entries for kind, entries in description.message.items() if entries}
    return description


def _add_entries(description: Described, kind: str, pairs: Iterable[tuple[Service | Task, Entry]]) -> None:
    present: dict[str, Entry] = {}
    kept: dict[str, Entry] = {}
    for automation, entry in pairs:
        called = f"{CALLED[kind]} “{shortened(str(automation)) or automation.id}”"
        if automation.reference in present:
            description.left_out.append(f"{called} has the reference of another: only one of them is in the file.")
            continue
        if automation.reference:
            present[automation.reference] = entry
        if why_not := _why_not(kind, automation.reference, entry):
            description.left_out.append(f"{called} is not in the file: {why_not}.")
        else:
            kept[automation.reference] = entry
    description.present[kind], description.message[kind] = present, kept


def _service(description: Described, service: Service) -> Entry:
    spec = Part(service.spec)
    commands = spec.part("commands")
    unknown_role = service.role.removeprefix("SERVICE_ROLE_").lower().replace("_", "-")
    return _filled({
        **_common(description, f"Service “{shortened(str(service))}”", service),
        "role": ROLES.get(service.role, unknown_role),
        "commands": _filled({name: commands.text(name) for name in rules.COMMANDS}) if commands.known else None,
        "readinessTimeout": spec.text("readinessTimeout"),
        "runsOn": _runs_on(spec),
    })  # fmt: skip


def _task(description: Described, task: Task, names: Mapping[UUID, str]) -> Entry:
    spec, called = Part(task.spec), f"Task “{shortened(str(task))}”"
    if unknown := [str(id_) for id_ in task.depends_on if not names.get(id_)]:
        description.left_out.append(f"{called} depends on something that no longer exists: {', '.join(unknown)}.")
    return _filled({
        **_common(description, called, task),
        "dependsOn": [names[id_] for id_ in task.depends_on if names.get(id_)],
        "command": spec.text("command"),
        "prebuildRequiresSuccess": spec.flag("prebuildRequiresSuccess") or None,
        "runsOn": _runs_on(spec),
    })  # fmt: skip


def _common(description: Described, called: str, automation: Service | Task) -> Entry:
    variables = [part.text("name") for part in Part(automation.spec).parts("env")]
    if variables:
        description.left_out.append(f"{called} has environment variables, which no file holds: {_join(variables)}.")
    if others := [word for word in automation.triggers if word not in rules.TRIGGERS]:
        words = _join([TRIGGERS.get(word, word) for word in others])
        description.left_out.append(f"{called} has triggers that a file cannot express: {words}.")
    return {
        "name": automation.name,
        "description": automation.description,
        "triggeredBy": [word for word in automation.triggers if word in rules.TRIGGERS],
    }


def _runs_on(spec: Part) -> Entry | None:
    target = spec.part("runsOn")
    if not target.known:
        return None
    docker = target.part("docker")
    if docker.known:
        return {"docker": _filled({"image": docker.text("image"), "environment": docker.texts("environment")})}
    return {"machine": {}} if target.part("machine").known else {}


def _filled(entry: Entry) -> Entry:
    return {name: value for name, value in entry.items() if value not in ("", [], None)}


def _why_not(kind: str, reference: str, entry: Entry) -> str:
    """Why no file can hold the entry; empty if one can."""
    commands, docker = entry.get("commands"), entry.get("runsOn", {}).get("docker")
    timeout, role = entry.get("readinessTimeout", "0s"), entry.get("role", "")
    reasons = (
        (not rules.REFERENCE.fullmatch(reference), "it has no reference that a file could name it by"),
        ("name" not in entry, "it has no name"),
        (kind == "tasks" and "command" not in entry, "it has no command"),
        (commands is not None and "start" not in commands, "it has no command to start"),
        (docker is not None and "image" not in docker, "it runs in a container without an image"),
        (not rules.DURATION.fullmatch(timeout), f"its readiness timeout is {shortened(timeout)}"),
        (role not in rules.ROLES, f"a file cannot express its role, {shortened(role)}"),
    )
    return next((words for holds, words in reasons if holds), "")


def _drop_unknown_needs(description: Described) -> None:
    """Remove dependencies on what is not in the file."""
    tasks = description.message["tasks"]
    known = {*description.message["services"], *tasks}
    for reference, entry in list(tasks.items()):
        if missing := [name for name in entry.get("dependsOn", []) if name not in known]:
            description.left_out.append(
                f"Task “{shortened(reference)}” depends on {_join(missing)}, which is not in the file."
            )
            tasks[reference] = _filled({**entry, "dependsOn": [name for name in entry["dependsOn"] if name in known]})


def _join(names: Sequence[str]) -> str:
    told = ", ".join(shortened(name) for name in names[:10])
    return f"{told} and {len(names) - 10} more" if len(names) > 10 else told
