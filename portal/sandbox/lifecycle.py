"""What happens to environments as time passes: phases follow one another, activity arrives, policies take effect."""

from collections.abc import Callable

from portal.sandbox import automation_lifecycle, failures, operations, phases, runner, secrets
from portal.sandbox.documents import SECOND, Document, instant_of, rfc3339, seconds_of
from portal.sandbox.planning import expect_idle_stop, replan
from portal.sandbox.seed_automations import add_automations
from portal.sandbox.world_state import WorldState

_SOURCES = ("vscode", "ssh", "jetbrains", "web-terminal", "agent")


def step(world: WorldState, identifier: str, _value: int = 0) -> None:
    """Take an environment to its next phase."""
    document = world.document(identifier)
    phase = document["status"].get("phase")
    if phase == "ENVIRONMENT_PHASE_DELETED":
        world.remove(identifier)
        return
    if phase == "ENVIRONMENT_PHASE_STOPPING":
        _stopped(world, document)
        return
    change = _next(world, document)
    document = world.change(identifier, status=change)
    if change.get("phase") == "ENVIRONMENT_PHASE_RUNNING":
        _running(world, document, rebuilt=phase == "ENVIRONMENT_PHASE_UPDATING")
    else:
        replan(world, document)


def _next(world: WorldState, document: Document) -> phases.Change:
    """The next change, decided by the first component that is not ready yet."""
    status, rng = document["status"], world.rng
    if status["phase"] == "ENVIRONMENT_PHASE_DELETING":
        return phases.deleted()
    if status["phase"] == "ENVIRONMENT_PHASE_CREATING":
        return phases.starting(document)
    if status["machine"]["phase"] == "PHASE_STARTING":
        return phases.machine_up(document, rng)
    if status["content"]["phase"] == "CONTENT_PHASE_FAILED":
        return phases.stopping()
    if status["content"]["phase"] in ("CONTENT_PHASE_INITIALIZING", "CONTENT_PHASE_UPDATING"):
        if rng.random() < 0.02:
            return phases.failed("content", failures.message("content", rng))
        return phases.content_ready(document)
    if status["devcontainer"]["phase"] == "PHASE_CREATING":
        if rng.random() < 0.03:
            return _up(world, document) | phases.failed("devcontainer", failures.message("devcontainer", rng))
        change = phases.devcontainer_up(document, rng)
        change["devcontainer"]["secretsInSync"] = secrets.in_sync(world, document)
        return change
    return _up(world, document)


def _up(world: WorldState, document: Document) -> phases.Change:
    """Running, and acknowledged unless the runner is set not to (`tempers`)."""
    change = phases.running(document)
    if document["id"] in world.tempers:
        change.pop("runnerAck")
    return change


def _running(world: WorldState, document: Document, *, rebuilt: bool) -> None:
    """Everything is up: the automations file has been applied, and what waits for this starts."""
    identifier = document["id"]
    world.change(identifier, status=phases.active(world.instant, world.rng.choice(_SOURCES)))
    if not any(any(table.walk({"environment": [identifier]})) for table in (world.services, world.tasks)):
        add_automations(world, document, fresh=True)
    words = ["postDevcontainerStart"] if document["status"]["devcontainer"].get("phase") == "PHASE_RUNNING" else []
    if not world.hurried:
        automation_lifecycle.fire(
            world, document, words if rebuilt else ["postMachineStart", *words, "postEnvironmentStart"]
        )
    replan(world, world.document(identifier))


def _stopped(world: WorldState, document: Document) -> None:
    """The machine is down: services and executions with it. What was requested while it was stopping is done now."""
    identifier = document["id"]
    automation_lifecycle.halt(world, identifier)
    world.agenda.interrupt(identifier)
    document = world.change(identifier, status=phases.stopped())
    desired = document["spec"].get("desiredPhase")
    if desired == "ENVIRONMENT_PHASE_DELETED":
        document = world.change(identifier, status=phases.deleting())
    elif desired == "ENVIRONMENT_PHASE_RUNNING":
        document = world.change(identifier, status=phases.starting(document))
    replan(world, document)


def active(world: WorldState, identifier: str, busy_until: int) -> None:
    """About every five minutes an environment in use reports activity."""
    world.change(identifier, status=phases.active(world.instant, world.rng.choice(_SOURCES)))
    if world.instant < busy_until:
        world.agenda.add(world.instant + world.rng.randrange(270, 330) * SECOND, "active", identifier, busy_until)


def idle(world: WorldState, identifier: str, _value: int = 0) -> None:
    """Stop an environment unused for its timeout; check again later where it was used."""
    document = world.document(identifier)
    last = instant_of(document["status"].get("activitySignal", {}).get("timestamp", ""))
    timeout = seconds_of(document["spec"].get("timeout", {}).get("disconnected", "0s")) * SECOND
    if timeout and world.instant - last >= timeout:
        operations.stop(world, identifier)
    else:
        expect_idle_stop(world, document, last)


def lockdown(world: WorldState, identifier: str, _value: int = 0) -> None:
    """Past its maximum lifetime an environment is stopped."""
    due = instant_of(world.document(identifier)["metadata"].get("lockdownAt", ""))
    if due and due <= world.instant:
        operations.stop(world, identifier)


def archive(world: WorldState, identifier: str, _value: int = 0) -> None:
    """Stopped for longer than the organization's policy allows."""
    replan(world, world.change(identifier, metadata={"archivedAt": rfc3339(world.instant)}))


def purge(world: WorldState, identifier: str, _value: int = 0) -> None:
    """Archived for longer than the organization's policy allows."""
    operations.delete(world, identifier)


HANDLERS: dict[str, Callable[[WorldState, str, int], None]] = {
    handler.__name__: handler
    for handler in (
        step,
        active,
        idle,
        lockdown,
        archive,
        purge,
        automation_lifecycle.execution,
        automation_lifecycle.service,
        runner.ack,
    )
}
