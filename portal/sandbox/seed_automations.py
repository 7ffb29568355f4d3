"""Gives an environment the services, tasks and past executions that its automations file would have given it."""

import random

from portal.sandbox import automations, executions
from portal.sandbox.documents import MINUTE, Document, instant_of, merge
from portal.sandbox.planning import expect_service
from portal.sandbox.recipes import STACKS, ServiceRecipe
from portal.sandbox.world_state import WorldState


def stack_of(world: WorldState, environment: Document) -> str:
    """The stack of the environment's project; one chosen by its id where it has no project."""
    repository = world.organization.repositories.get(environment["metadata"].get("projectId", ""))
    return repository.stack if repository else sorted(STACKS)[int(environment["id"][:4], 16) % len(STACKS)]


def add_automations(world: WorldState, environment: Document, *, fresh: bool = False) -> None:
    """Add automations where there is an automations file that has been applied at least once.

    In a `fresh` environment nothing has run yet, and listeners are notified.
    """
    status = environment["status"]
    if not environment["spec"].get("automationsFile", {}).get("automationsFilePath") or "automationsFile" not in status:
        return
    if status["automationsFile"].get("phase") in ("CONTENT_PHASE_FAILED", "CONTENT_PHASE_INITIALIZING", None):
        return
    stack = stack_of(world, environment)
    created = world.instant if fresh else instant_of(environment["metadata"]["createdAt"]) + MINUTE
    running = status["phase"] == "ENVIRONMENT_PHASE_RUNNING" and not fresh
    tasks = automations.task_documents(stack, environment, created, world.rng)
    if fresh:
        for recipe in STACKS[stack].services:
            service = automations.service_document(recipe, environment, "STOPPED", created, world.rng)
            world.add("SERVICE", service)
        for task in tasks:
            world.add("TASK", task)
        return
    for recipe in STACKS[stack].services:
        _past_service(world, environment, recipe, created, running)
    for task in tasks:
        world.tasks.put(task, clean=True)
    for _ in range(world.rng.choices((0, 1, 2, 3), (30, 35, 25, 10))[0]):
        _past_execution(world, environment, tasks, running)


def _past_service(world: WorldState, environment: Document, recipe: ServiceRecipe, created: int, running: bool) -> None:
    rng = world.rng
    phase = rng.choices(("RUNNING", "STARTING", "FAILED", "STOPPED"), (80, 5, 5, 10))[0] if running else "STOPPED"
    service = automations.service_document(recipe, environment, phase, created, rng)
    world.services.put(service, clean=True)
    if phase == "STARTING":
        expect_service(world, service)


def _past_execution(world: WorldState, environment: Document, tasks: list[Document], running: bool) -> None:
    rng, metadata = world.rng, environment["metadata"]
    task = rng.choice(tasks)
    groups = executions.plan(task, {each["id"]: each for each in tasks}, rng)
    outcome = rng.choices(
        ("SUCCEEDED", "FAILED", "STOPPED", "RUNNING", "PENDING"), (60, 20, 8, 10 * running, 2 * running)
    )[0]
    took = sum(max(executions.length(step, rng) for step in group["steps"]) for group in groups)
    begun = (
        world.instant - took // 2
        if outcome in ("RUNNING", "PENDING")
        else min(instant_of(metadata["lastStartedAt"]) + MINUTE, world.instant - took - MINUTE)
    )
    creator = metadata["creator"]
    execution = executions.pending(task, groups, begun, _started_by(task, creator, rng), creator, rng)
    _replay(execution, outcome, begun, took, rng)
    world.executions.put(execution, clean=True)
    if outcome in ("RUNNING", "PENDING"):
        world.agenda.add(world.instant + took // 2, "execution", execution["id"])


def _started_by(task: Document, creator: Document, rng: random.Random) -> str:
    words = [word for trigger in task["metadata"].get("triggeredBy", []) for word in trigger if word != "prebuild"]
    word: str = rng.choice(words) if words else "manual"
    return creator["id"] if word == "manual" else word


def _replay(execution: Document, outcome: str, begun: int, took: int, rng: random.Random) -> None:
    """Let an execution go the way to its outcome; what began a while ago and did not end is somewhere in the middle."""
    if outcome == "PENDING":
        return
    count = len(executions.steps(execution))
    places = range(count if outcome == "SUCCEEDED" else rng.randrange(count))
    _merge(execution, executions.begun(execution, begun))
    for place in places:
        _merge(execution, executions.step_ended(execution, place, begun + took))
    if outcome == "FAILED":
        fatal, *rest = executions.running(execution)
        failure = executions.recipe(executions.steps(execution)[fatal]).failure
        _merge(execution, executions.step_ended(execution, fatal, begun + took, failure))
        for place in rest:
            _merge(execution, executions.step_ended(execution, place, begun + took))
    elif outcome == "STOPPED":
        _merge(execution, executions.stopped(execution, begun + took))


def _merge(execution: Document, changes: Document) -> None:
    merge(execution, changes)
    execution["status"]["statusVersion"] = str(int(execution["status"]["statusVersion"]) + 1)
