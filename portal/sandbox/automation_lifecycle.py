"""What happens to services and executions as time passes: they come up, run, fail, end and are started by triggers."""

from collections.abc import Collection

from portal.sandbox import executions, failures, operations
from portal.sandbox.automations import service_output
from portal.sandbox.documents import MINUTE, SECOND, Document
from portal.sandbox.planning import ARRIVES, FAIL, FAILS, HANG, expect_service, wanted_outcome
from portal.sandbox.world_state import WorldState

_STEP_FAILS = 0.12


def service(world: WorldState, identifier: str, what: int = ARRIVES) -> None:
    """A service on its way up or down arrives or fails, or one that runs fails."""
    entry = world.services.entries.get(identifier)
    if entry is None:
        return
    document = entry.document()
    if entry.facts.phase == "SERVICE_PHASE_STOPPING":
        _stopped(world, document)
    elif entry.facts.phase in ("SERVICE_PHASE_STARTING", "SERVICE_PHASE_RUNNING"):
        output = service_output(document["metadata"], document["spec"])
        status: Document = {"phase": "SERVICE_PHASE_RUNNING", "output": output}
        if what == FAILS:
            status = {"phase": "SERVICE_PHASE_FAILED", "output": None, "failureMessage": _why(world, document)}
        expect_service(world, world.change_automation("SERVICE", identifier, {"status": status}))


def _why(world: WorldState, service: Document) -> str:
    starting = service["status"].get("phase") == "SERVICE_PHASE_STARTING"
    return failures.service(service["spec"] if starting else {}, world.rng)


def _stopped(world: WorldState, service: Document) -> None:
    status = {"phase": "SERVICE_PHASE_STOPPED", "failureMessage": None, "output": None}
    world.change_automation("SERVICE", service["id"], {"status": status})
    if service["spec"].get("desiredPhase") == "SERVICE_PHASE_RUNNING":  # requested while it was stopping
        _start_service(world, service["id"])


def execution(world: WorldState, identifier: str, number: int = 0) -> None:
    """An execution begins, or its step of that number (the first is 1) ends. A running one continues."""
    entry = world.executions.entries.get(identifier)
    if entry is None or entry.facts.phase not in executions.UNFINISHED:
        return
    document = entry.document()
    if entry.facts.phase == "TASK_EXECUTION_PHASE_PENDING":
        changed = world.change_automation("TASK_EXECUTION", identifier, executions.begun(document, world.instant))
        _expect_steps(world, changed, ())
    elif number == 0:
        _expect_steps(world, document, ())
    elif number - 1 in executions.running(document):
        _end_step(world, document, number - 1)


def _end_step(world: WorldState, document: Document, place: int) -> None:
    step = executions.steps(document)[place]
    if "serviceId" in step:
        _end_service_step(world, document, place, step["serviceId"])
        return
    task = step["task"]["id"]
    wish = wanted_outcome(world.task_outcomes, task, world.reference(task))
    if wish == HANG:
        world.agenda.add(world.instant + MINUTE // 2, "execution", document["id"], place + 1)
        return
    fails = wish == FAIL or (not wish and world.rng.random() < _STEP_FAILS)
    _close_step(world, document, place, executions.recipe(step).failure if fails else "")


def _end_service_step(world: WorldState, document: Document, place: int, service_id: str) -> None:
    """A step that starts a service waits while the service is on its way, and fails if it does not run then."""
    entry = world.services.entries.get(service_id)
    phase = entry.facts.phase if entry else ""
    if phase in ("SERVICE_PHASE_STARTING", "SERVICE_PHASE_STOPPING"):
        world.agenda.add(world.instant + SECOND, "execution", document["id"], place + 1)
        return
    _close_step(world, document, place, "" if phase == "SERVICE_PHASE_RUNNING" else "the service did not start")


def _close_step(world: WorldState, document: Document, place: int, failure: str) -> None:
    before = executions.running(document)
    changes = executions.step_ended(document, place, world.instant, failure)
    _expect_steps(world, world.change_automation("TASK_EXECUTION", document["id"], changes), before)


def _expect_steps(world: WorldState, document: Document, before: Collection[int]) -> None:
    """Plan the end of each step that runs and did not before."""
    for place in executions.running(document):
        if place not in before:
            step = executions.steps(document)[place]
            if "serviceId" in step:
                _start_service(world, step["serviceId"])
            length = SECOND if "serviceId" in step else executions.length(step, world.rng)
            world.agenda.add(world.instant + length, "execution", document["id"], place + 1)


def _start_service(world: WorldState, identifier: str) -> None:
    """Start a service that still exists if its environment runs."""
    entry = world.services.entries.get(identifier)
    if entry and world.environments.entries[entry.facts.environment].facts.phase == "ENVIRONMENT_PHASE_RUNNING":
        operations.start_service(world, identifier)


def fire(world: WorldState, environment: Document, words: Collection[str]) -> None:
    """Start the services and tasks of an environment that have one of these triggers, each once."""
    wanted = {"environment": [environment["id"]]}
    for entry in list(world.services.walk(wanted)):
        if _trigger(entry.document(), words):
            operations.start_service(world, entry.key[1])
    busy = {each.facts.task for each in world.executions.walk(wanted, lambda at: at.phase in executions.UNFINISHED)}
    for entry in list(world.tasks.walk(wanted)):
        word = _trigger(entry.document(), words)
        if word and entry.key[1] not in busy:
            operations.start_task(world, entry.key[1], environment["metadata"]["creator"], word)


def _trigger(automation: Document, words: Collection[str]) -> str:
    """The first of its triggers that is among the words."""
    given = [word for trigger in automation["metadata"].get("triggeredBy", []) for word in trigger]
    return next((word for word in given if word in words), "")


def halt(world: WorldState, environment_id: str) -> None:
    """The machine is down: services and executions with it."""
    status = {"phase": "SERVICE_PHASE_STOPPED", "failureMessage": None, "output": None}
    changes = {"spec": {"desiredPhase": "SERVICE_PHASE_STOPPED"}, "status": status}
    for entry in list(world.services.walk({"environment": [environment_id]})):
        if entry.facts.phase != "SERVICE_PHASE_STOPPED":
            world.agenda.interrupt(entry.key[1])
            world.change_automation("SERVICE", entry.key[1], changes)
    for entry in list(world.executions.walk({"environment": [environment_id]})):
        operations.stop_execution(world, entry.key[1])
