"""Making and changing the definitions of services and tasks, one by one or from an automations file."""

from typing import TYPE_CHECKING, Any

from portal.sandbox import operations
from portal.sandbox.access import Caller
from portal.sandbox.automations import log_url
from portal.sandbox.documents import Document, new_id, rfc3339
from portal.sandbox.refusals import Refused

if TYPE_CHECKING:
    from portal.sandbox.world import World

_ROLES = {"editor": "SERVICE_ROLE_EDITOR", "ai-agent": "SERVICE_ROLE_AI_AGENT"}


def create_service(world: "World", request: Document, caller: Caller) -> Document:
    """A new service of an environment, stopped."""
    with world.lock:
        environment_id = operations.environment(world, request["environmentId"])["id"]
        identifier = new_id(world.rng)
        document: Document = {
            "id": identifier,
            "environmentId": environment_id,
            "metadata": {
                "role": "SERVICE_ROLE_DEFAULT",
                **request.get("metadata", {}),
                "createdAt": rfc3339(world.instant),
                "creator": caller.as_subject(),
            },
            "spec": {
                **request.get("spec", {}),
                "specVersion": "1",
                "desiredPhase": "SERVICE_PHASE_STOPPED",
                "session": new_id(world.rng),
            },
            "status": {
                "statusVersion": "1",
                "phase": "SERVICE_PHASE_STOPPED",
                "logUrl": log_url(environment_id, "service", identifier),
            },
        }
        return world.add("SERVICE", document)


def create_task(world: "World", request: Document, caller: Caller) -> Document:
    """A new task of an environment."""
    with world.lock:
        environment_id = operations.environment(world, request["environmentId"])["id"]
        document: Document = {
            "id": new_id(world.rng),
            "environmentId": environment_id,
            "metadata": {
                **request.get("metadata", {}),
                "createdAt": rfc3339(world.instant),
                "creator": caller.as_subject(),
            },
            "spec": request.get("spec", {}),
            "dependsOn": request.get("dependsOn", []),
        }
        return world.add("TASK", document)


def update_service(world: "World", document: Document, request: Document) -> None:
    """Change a service by an UpdateServiceRequest in JSON form."""
    if request.get("spec") and document["status"].get("phase") != "SERVICE_PHASE_STOPPED":
        raise Refused("failed_precondition", f"service {document['id']} is not stopped: its spec cannot be changed")
    world.change_automation("SERVICE", document["id"], _changes(request))


def update_task(world: "World", document: Document, request: Document) -> None:
    """Change a task by an UpdateTaskRequest in JSON form."""
    world.change_automation("TASK", document["id"], _changes(request))


def _changes(request: Document) -> dict[str, Any]:
    changes = {part: dict(request[part]) for part in ("metadata", "spec", "status") if request.get(part)}
    triggers = changes.get("metadata", {}).pop("triggeredBy", None)
    if triggers is not None:
        changes["metadata"]["triggeredBy"] = triggers.get("trigger", [])
    if request.get("dependsOn"):
        changes["dependsOn"] = request["dependsOn"]
    return changes


def upsert(world: "World", request: Document, caller: Caller) -> tuple[list[str], list[str]]:
    """Apply a parsed automations file: services and tasks by reference; answers the ids created or changed."""
    environment_id = operations.environment(world, request["environmentId"])["id"]
    file = request.get("automationsFile", {})
    services = {entry.facts.reference: entry for entry in world.services.walk({"environment": [environment_id]})}
    tasks = {entry.facts.reference: entry for entry in world.tasks.walk({"environment": [environment_id]})}
    changed_services, changed_tasks = [], []
    for reference, given in sorted(file.get("services", {}).items()):
        metadata, spec = _service_parts(reference, given)
        if reference in services:
            identifier = services[reference].key[1]
            world.change_automation("SERVICE", identifier, {"metadata": metadata, "spec": spec})
        else:
            made = {"environmentId": environment_id, "metadata": metadata, "spec": spec}
            identifier = create_service(world, made, caller)["id"]
        changed_services.append(identifier)
    ids = {reference: entry.key[1] for reference, entry in tasks.items()}
    for reference in _in_order(file.get("tasks", {})):
        given = file["tasks"][reference]
        metadata, spec = _task_parts(reference, given)
        needs = [ids[needed] for needed in given.get("dependsOn", []) if needed in ids]
        made = {"environmentId": environment_id, "metadata": metadata, "spec": spec, "dependsOn": needs}
        if reference in tasks:
            changes = {"metadata": metadata, "spec": spec, "dependsOn": needs}
            world.change_automation("TASK", ids[reference], changes)
        else:
            ids[reference] = create_task(world, made, caller)["id"]
        changed_tasks.append(ids[reference])
    return changed_services, changed_tasks


def _in_order(tasks: Document) -> list[str]:
    """The references, each after those it depends on; Refused where one is unknown or they go round in a circle."""
    order: list[str] = []
    waiting = dict(sorted(tasks.items()))
    while waiting:
        ready = [reference for reference, task in waiting.items() if set(task.get("dependsOn", [])) <= set(order)]
        if not ready:
            raise Refused(
                "invalid_argument", f"automationsFile.tasks: cannot resolve dependsOn of {', '.join(waiting)}"
            )
        order += ready
        waiting = {reference: task for reference, task in waiting.items() if reference not in ready}
    return order


def _service_parts(reference: str, given: Document) -> tuple[Document, Document]:
    metadata = {
        "reference": reference,
        "name": given.get("name", reference),
        "description": given.get("description", ""),
        "triggeredBy": [{trigger: True} for trigger in given.get("triggeredBy", [])],
        "role": _ROLES.get(given.get("role", ""), "SERVICE_ROLE_DEFAULT"),
    }
    spec: Document = {key: given[key] for key in ("commands", "runsOn", "readinessTimeout") if key in given}
    return metadata, spec


def _task_parts(reference: str, given: Document) -> tuple[Document, Document]:
    metadata = {
        "reference": reference,
        "name": given.get("name", reference),
        "description": given.get("description", ""),
        "triggeredBy": [{trigger: True} for trigger in given.get("triggeredBy", [])],
    }
    spec: Document = {key: given[key] for key in ("command", "runsOn", "prebuildRequiresSuccess") if key in given}
    return metadata, spec
