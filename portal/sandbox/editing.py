"""Making, changing and deleting the definitions of services and tasks, one by one; refusals raise Refused."""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from portal.sandbox import operations
from portal.sandbox.access import Caller
from portal.sandbox.automations import log_url
from portal.sandbox.documents import Document, instead, new_id, pruned, rfc3339
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState


def home(world: WorldState, environment_id: str, caller: Caller) -> str:
    """The id of an environment whose automations the caller may change; not_found also where they may not see it."""
    document = operations.environment(world, environment_id)
    if not caller.sees_all and document["metadata"].get("creator", {}).get("id") != caller.subject:
        raise Refused("not_found", f"environment {environment_id} not found")
    operations.refuse_leaving(document)
    return environment_id


def create_service(world: WorldState, request: Document, caller: Caller) -> Document:
    """A new service of an environment from a CreateServiceRequest in JSON form, stopped."""
    with world.lock:
        identifier = new_id(world.rng)
        document: Document = {
            "id": identifier,
            **_born(world, "SERVICE", request, caller),
            "spec": {
                **request.get("spec", {}),
                "specVersion": "1",
                "desiredPhase": "SERVICE_PHASE_STOPPED",
                "session": new_id(world.rng),
            },
            "status": {
                "statusVersion": "1",
                "phase": "SERVICE_PHASE_STOPPED",
                "logUrl": log_url(request["environmentId"], "service", identifier),
            },
        }
        document["metadata"].setdefault("role", "SERVICE_ROLE_DEFAULT")
        return world.add("SERVICE", document)


def create_task(world: WorldState, request: Document, caller: Caller) -> Document:
    """A new task of an environment from a CreateTaskRequest in JSON form."""
    with world.lock:
        document: Document = {
            "id": new_id(world.rng),
            **_born(world, "TASK", request, caller),
            "spec": request.get("spec", {}),
            "dependsOn": request.get("dependsOn", []),
        }
        _check_dependencies(world, document)
        return world.add("TASK", document)


def _born(world: WorldState, kind: str, request: Document, caller: Caller) -> Document:
    """Where a new service or task is at home and its metadata; its reference must be new there."""
    environment_id = home(world, request["environmentId"], caller)
    metadata = request.get("metadata", {})
    reference = metadata.get("reference", "")
    if not reference:
        raise Refused("invalid_argument", "metadata.reference: value is required")
    known = world.table(kind).walk({"environment": [environment_id]}, lambda facts: facts.reference == reference)
    if any(known):
        raise Refused("already_exists", f"a {kind.lower()} {reference} already exists in this environment")
    origin = {"createdAt": rfc3339(world.instant), "creator": caller.as_subject()}
    return {"environmentId": environment_id, "metadata": {**metadata, **origin}}


def circle(graph: Mapping[str, Collection[str]]) -> list[str]:
    """A way along the dependencies that ends where it began; [] where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _check_dependencies(world: WorldState, task: Document) -> None:
    """Refused where a task depends on what is no task or service of its environment, or indirectly on itself."""
    home = {"environment": [task["environmentId"]]}
    siblings = {entry.key[1]: entry.document() for entry in world.tasks.walk(home)}
    services = {entry.key[1] for entry in world.services.walk(home)}
    siblings[task["id"]] = task
    for index, needed in enumerate(task.get("dependsOn", [])):
        if needed not in siblings and needed not in services:
            raise Refused("invalid_argument", f"dependsOn[{index}]: no task or service {needed} in this environment")
    way = circle({identifier: each.get("dependsOn", []) for identifier, each in siblings.items()})
    if way:
        names = " → ".join(siblings[each]["metadata"]["reference"] for each in way)
        raise Refused("invalid_argument", f"dependsOn: tasks would depend on each other in a circle: {names}")


def differences(document: Document, wanted: Mapping[str, Document]) -> dict[str, Document]:
    """The changes that make the named parts of a document be as wanted; nothing for a part that is so already."""
    parts = {part: pruned(after) for part, after in wanted.items()}
    return {part: instead(document[part], after) for part, after in parts.items() if after != document[part]}


def refuse_unless_stopped(service: Document) -> None:
    """Refused as failed_precondition where the spec of a service must not change now."""
    phase = service["status"].get("phase", "").removeprefix("SERVICE_PHASE_").lower()
    if phase != "stopped":
        which = f"service {service['metadata'].get('reference', '')} ({service['id']})"
        raise Refused("failed_precondition", f"{which} is {phase}: its spec can be changed only while it is stopped")


def update_service(world: WorldState, document: Document, request: Document) -> None:
    """Change a service by an UpdateServiceRequest in JSON form; its spec only while it is stopped."""
    if request.get("status"):
        raise Refused("permission_denied", "status: only the environment itself may update it")
    given = request.get("spec", {})
    spec = {**document["spec"], **given}
    if "commands" in given:
        spec["commands"] = {**document["spec"].get("commands", {}), **given["commands"]}
        if not spec["commands"].get("start"):
            raise Refused("invalid_argument", "spec.commands.start: value is required")
    changes = differences(document, {"metadata": _metadata(document, request), "spec": spec})
    if "spec" in changes:
        refuse_unless_stopped(document)
    if changes:
        world.change_automation("SERVICE", document["id"], changes)


def update_task(world: WorldState, document: Document, request: Document) -> None:
    """Change a task by an UpdateTaskRequest in JSON form. Dependencies given replace the known; none change nothing."""
    spec = {**document["spec"], **request.get("spec", {})}
    changes: Document = differences(document, {"metadata": _metadata(document, request), "spec": spec})
    needs = request.get("dependsOn") or document.get("dependsOn", [])
    if needs != document.get("dependsOn", []):
        _check_dependencies(world, {**document, "dependsOn": needs})
        changes["dependsOn"] = needs
    if changes:
        world.change_automation("TASK", document["id"], changes)


def _metadata(document: Document, request: Document) -> Document:
    given = dict(request.get("metadata", {}))
    triggers = given.pop("triggeredBy", None)
    after = {**document["metadata"], **given}
    return after if triggers is None else {**after, "triggeredBy": triggers.get("trigger", [])}


def delete_service(world: WorldState, document: Document, *, force: bool) -> None:
    """Delete a stopped service, or any when forced."""
    if document["status"].get("phase") != "SERVICE_PHASE_STOPPED" and not force:
        raise Refused("failed_precondition", f"service {document['id']} is not stopped: stop it first, or use force")
    world.agenda.interrupt(document["id"])
    world.drop("SERVICE", document["id"])


def delete_task(world: WorldState, document: Document) -> None:
    """Delete a task nothing depends on; its executions stay."""
    siblings = world.tasks.walk({"environment": [document["environmentId"]]})
    needing = sorted(
        entry.facts.reference for entry in siblings if document["id"] in entry.document().get("dependsOn", [])
    )
    if needing:
        raise Refused("failed_precondition", f"task {document['id']} is needed by {', '.join(needing)}")
    world.drop("TASK", document["id"])
