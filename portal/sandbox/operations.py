"""Operations on environments and automations, requested by people or through the API; refusals raise Refused."""

from typing import Any

from portal.sandbox import executions, phases, secrets
from portal.sandbox.documents import SECOND, Document, instant_of, new_id, rfc3339
from portal.sandbox.planning import expect_service, replan
from portal.sandbox.policies import UP, check_running
from portal.sandbox.refusals import Refused, lifetime_exceeded
from portal.sandbox.world_state import WorldState

_LEAVING = ("ENVIRONMENT_PHASE_DELETING", "ENVIRONMENT_PHASE_DELETED")


def environment(world: WorldState, identifier: str) -> Document:
    """The environment's document, or Refused as not_found."""
    if identifier not in world.environments.entries:
        raise Refused("not_found", f"environment {identifier} not found")
    return world.document(identifier)


def _changeable(world: WorldState, identifier: str) -> Document:
    document = environment(world, identifier)
    refuse_leaving(document)
    return document


def refuse_leaving(document: Document) -> None:
    """Refused as failed_precondition where the deletion of the environment has begun or was requested."""
    requested = document["spec"].get("desiredPhase") == "ENVIRONMENT_PHASE_DELETED"
    if requested or document["status"].get("phase") in _LEAVING:
        raise Refused("failed_precondition", f"environment {document['id']} is being deleted")


def start(world: WorldState, identifier: str) -> None:
    """Start a stopped environment; one that is up stays so.

    Refused when archived, locked down in strict mode, or where its creator has as many running as allowed.
    """
    document = _changeable(world, identifier)
    metadata, phase = document["metadata"], document["status"].get("phase")
    if metadata.get("archivedAt"):
        raise Refused("failed_precondition", f"environment {identifier} is archived: unarchive it first")
    lockdown, policies = instant_of(metadata.get("lockdownAt", "")), world.organization.policies
    if lockdown and lockdown <= world.instant and policies.get("maximumEnvironmentLifetimeStrict"):
        raise lifetime_exceeded(metadata["lockdownAt"], policies.get("maximumEnvironmentLifetime", "0s"))
    if phase in UP:
        return
    check_running(world, metadata.get("creator", {}).get("id", ""))
    spec: dict[str, Any] = {"desiredPhase": "ENVIRONMENT_PHASE_RUNNING", "machine": {"session": new_id(world.rng)}}
    spec |= secrets.remounted(world, document)
    document = world.change(identifier, metadata={"lastStartedAt": rfc3339(world.instant)}, spec=spec)
    if phase != "ENVIRONMENT_PHASE_STOPPING":
        replan(world, world.change(identifier, status=phases.starting(document)))


def stop(world: WorldState, identifier: str) -> None:
    """Stop an environment; one that is stopped stays as it is."""
    document = _changeable(world, identifier)
    if document["status"].get("phase") not in UP:
        if document["spec"].get("desiredPhase") == "ENVIRONMENT_PHASE_RUNNING":
            world.change(identifier, spec={"desiredPhase": "ENVIRONMENT_PHASE_STOPPED"})
        return
    world.change(identifier, spec={"desiredPhase": "ENVIRONMENT_PHASE_STOPPED"})
    replan(world, world.change(identifier, status=phases.stopping()))


def archive(world: WorldState, identifier: str) -> None:
    """Archive an environment, stopping it first."""
    if _changeable(world, identifier)["metadata"].get("archivedAt"):
        return
    stop(world, identifier)
    document = world.change(identifier, metadata={"archivedAt": rfc3339(world.instant)})
    replan(world, document)


def unarchive(world: WorldState, identifier: str) -> None:
    """Bring an archived environment back, stopped."""
    document = _changeable(world, identifier)
    if not document["metadata"].get("archivedAt"):
        raise Refused("failed_precondition", f"environment {identifier} is not archived")
    status = phases.active(world.instant, "unarchive")
    replan(world, world.change(identifier, metadata={"archivedAt": None}, status=status))


def delete(world: WorldState, identifier: str, *, force: bool = False) -> None:
    """Delete an environment for good, stopping it first unless forced. It is seen DELETING for a while."""
    document = environment(world, identifier)
    if document["status"].get("phase") in _LEAVING:
        return
    world.change(identifier, spec={"desiredPhase": "ENVIRONMENT_PHASE_DELETED"})
    up = document["status"].get("phase") in (*UP, "ENVIRONMENT_PHASE_STOPPING")
    change = phases.stopping() if up and not force else phases.deleting()
    replan(world, world.change(identifier, status=change))


def mark_active(world: WorldState, identifier: str, source: str, at: int) -> None:
    """Note activity, which puts off the stop for inactivity; refused where nothing runs that could stop."""
    phase = _changeable(world, identifier)["status"].get("phase")
    if phase not in ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_UPDATING"):
        raise Refused("failed_precondition", f"environment {identifier} is not running")
    world.change(identifier, status=phases.active(at, source))


def start_service(world: WorldState, identifier: str) -> None:
    """Start a service, also a failed one; one that is up stays as it is, one that is stopping starts afterwards."""
    entry = world.services.entries[identifier]
    if entry.facts.phase in ("SERVICE_PHASE_RUNNING", "SERVICE_PHASE_STARTING"):
        return
    _running_environment(world, entry.facts.environment)
    wish = {"spec": {"desiredPhase": "SERVICE_PHASE_RUNNING"}}
    if entry.facts.phase == "SERVICE_PHASE_STOPPING":
        world.change_automation("SERVICE", identifier, wish)
        return
    status = {
        "phase": "SERVICE_PHASE_STARTING",
        "failureMessage": None,
        "output": None,
        "session": new_id(world.rng),
    }
    expect_service(world, world.change_automation("SERVICE", identifier, {**wish, "status": status}))


def stop_service(world: WorldState, identifier: str) -> None:
    """Stop a service; one that is stopped stays as it is."""
    entry = world.services.entries[identifier]
    if entry.facts.phase == "SERVICE_PHASE_STOPPED":
        return
    changes: dict[str, Any] = {"spec": {"desiredPhase": "SERVICE_PHASE_STOPPED"}}
    if entry.facts.phase == "SERVICE_PHASE_STOPPING":
        if entry.document()["spec"].get("desiredPhase") != "SERVICE_PHASE_STOPPED":
            world.change_automation("SERVICE", identifier, changes)
        return
    changes["status"] = {"phase": "SERVICE_PHASE_STOPPING"}
    expect_service(world, world.change_automation("SERVICE", identifier, changes))


def start_task(world: WorldState, identifier: str, creator: Document, trigger: str = "") -> Document:
    """A new execution of a task, PENDING, with everything the task depends on in its plan."""
    task = world.tasks.entries[identifier].document()
    _running_environment(world, task["environmentId"])
    home = {"environment": [task["environmentId"]]}
    siblings = {entry.key[1]: entry.document() for table in (world.tasks, world.services) for entry in table.walk(home)}
    groups = executions.plan(task, siblings, world.rng)
    execution = executions.pending(task, groups, world.instant, trigger or creator["id"], creator, world.rng)
    world.add("TASK_EXECUTION", execution)
    world.agenda.add(world.instant + world.rng.randrange(1, 6) * SECOND, "execution", execution["id"])
    return execution


def stop_execution(world: WorldState, identifier: str) -> None:
    """Cancel an execution; one that has ended stays as it is."""
    entry = world.executions.entries[identifier]
    if entry.facts.phase in executions.UNFINISHED:
        world.change_automation("TASK_EXECUTION", identifier, executions.stopped(entry.document(), world.instant))


def _running_environment(world: WorldState, identifier: str) -> None:
    phase = environment(world, identifier)["status"].get("phase")
    if phase != "ENVIRONMENT_PHASE_RUNNING":
        raise Refused("failed_precondition", f"environment {identifier} is not running")
