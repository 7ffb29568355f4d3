"""UpsertAutomationsFile: services and tasks by reference; what the file does not name stays."""

from graphlib import TopologicalSorter

from portal.sandbox import editing
from portal.sandbox.access import Caller
from portal.sandbox.documents import Document
from portal.sandbox.facts import AutomationFacts
from portal.sandbox.refusals import Refused
from portal.sandbox.table import Table
from portal.sandbox.world_state import WorldState

_ROLES = {"editor": "SERVICE_ROLE_EDITOR", "ai-agent": "SERVICE_ROLE_AI_AGENT"}
_SERVICE_SPEC = ("commands", "runsOn", "readinessTimeout")
_TASK_SPEC = ("command", "runsOn", "prebuildRequiresSuccess")


def upsert(world: WorldState, request: Document, caller: Caller) -> tuple[list[str], list[str]]:
    """Apply an UpsertAutomationsFileRequest in JSON form, all of it or nothing.

    Answers the ids of the services and of the tasks that were made or are different now.
    """
    with world.lock:
        environment_id = editing.home(world, request["environmentId"], caller)
        file = request.get("automationsFile", {})
        order = _in_order(file.get("tasks", {}), file.get("services", {}))
        services = _service_changes(world, environment_id, file.get("services", {}))
        made_services = [
            _put(world, "SERVICE", environment_id, wanted, known, caller) for wanted, known in services if wanted
        ]
        return made_services, _put_tasks(world, environment_id, file.get("tasks", {}), order, caller)


def _in_order(tasks: Document, services: Document) -> list[str]:
    """The tasks' references, each after the tasks it depends on; Refused for an unknown dependency or a circle."""
    for reference, task in sorted(tasks.items()):
        for index, needed in enumerate(task.get("dependsOn", [])):
            if needed not in tasks and needed not in services:
                field = f'automationsFile.tasks["{reference}"].dependsOn[{index}]'
                raise Refused("invalid_argument", f"{field}: no task or service {needed} in the file")
    graph = {
        reference: sorted(needed for needed in task.get("dependsOn", []) if needed in tasks)
        for reference, task in sorted(tasks.items())
    }
    if way := editing.circle(graph):
        raise Refused(
            "invalid_argument", f"automationsFile.tasks: tasks depend on each other in a circle: {' → '.join(way)}"
        )
    return list(TopologicalSorter(graph).static_order())


def _known(table: Table[AutomationFacts], environment_id: str) -> dict[str, Document]:
    """The services or tasks of an environment by reference."""
    return {entry.facts.reference: entry.document() for entry in table.walk({"environment": [environment_id]})}


def _service_changes(world: WorldState, environment_id: str, given: Document) -> list[tuple[Document, Document | None]]:
    """The changes to each service of the file, and the service as it is; {} where nothing changes."""
    known = _known(world.services, environment_id)
    changes: list[tuple[Document, Document | None]] = []
    for reference, service in sorted(given.items()):
        metadata = _metadata(reference, service)
        metadata["role"] = _ROLES.get(service.get("role", ""), "SERVICE_ROLE_DEFAULT")
        spec = {field: service[field] for field in _SERVICE_SPEC if field in service}
        before = known.get(reference)
        wanted: Document = {"metadata": metadata, "spec": spec}
        if before:
            wanted = _differences(before, wanted, _SERVICE_SPEC)
            if "spec" in wanted:
                editing.refuse_unless_stopped(before)
        changes.append((wanted, before))
    return changes


def _put_tasks(world: WorldState, environment_id: str, given: Document, order: list[str], caller: Caller) -> list[str]:
    known = _known(world.tasks, environment_id)
    services = _known(world.services, environment_id)  # a task may depend on these, too
    ids = {reference: document["id"] for reference, document in {**services, **known}.items()}
    changed = []
    for reference in order:
        task, before = given[reference], known.get(reference)
        wanted: Document = {
            "metadata": _metadata(reference, task),
            "spec": {field: task[field] for field in _TASK_SPEC if field in task},
        }
        needs = [ids[needed] for needed in task.get("dependsOn", [])]
        if before:
            wanted = _differences(before, wanted, _TASK_SPEC)
        if needs != (before or {}).get("dependsOn", []):
            wanted["dependsOn"] = needs
        if wanted:
            ids[reference] = _put(world, "TASK", environment_id, wanted, before, caller)
            changed.append(ids[reference])
    return changed


def _differences(before: Document, wanted: Document, fields: tuple[str, ...]) -> Document:
    """What the file changes; fields that a file cannot hold (variables, sessions) stay."""
    spec = {field: value for field, value in before["spec"].items() if field not in fields}
    return editing.differences(
        before, {"metadata": {**before["metadata"], **wanted["metadata"]}, "spec": {**spec, **wanted["spec"]}}
    )


def _put(
    world: WorldState, kind: str, environment_id: str, wanted: Document, before: Document | None, caller: Caller
) -> str:
    """Make a service or task, or change the one that is there; answers its id."""
    if before:
        world.change_automation(kind, before["id"], wanted)
        identifier: str = before["id"]
        return identifier
    create = editing.create_service if kind == "SERVICE" else editing.create_task
    made: str = create(world, {"environmentId": environment_id, **wanted}, caller)["id"]
    return made


def _metadata(reference: str, given: Document) -> Document:
    return {
        "reference": reference,
        "name": given.get("name", reference),
        "description": given.get("description", ""),
        "triggeredBy": [{trigger: True} for trigger in given.get("triggeredBy", [])],
    }
