"""Gives an environment the services, tasks and past executions that its automations file would have given it."""

from typing import TYPE_CHECKING

from portal.sandbox import automations
from portal.sandbox.documents import MINUTE, Document, instant_of, merge
from portal.sandbox.recipes import STACKS

if TYPE_CHECKING:
    from portal.sandbox.world import World


def stack_of(world: "World", environment: Document) -> str:
    """The stack of the environment's project; one chosen by its id where it has no project."""
    repository = world.organization.repositories.get(environment["metadata"].get("projectId", ""))
    return repository.stack if repository else sorted(STACKS)[int(environment["id"][:4], 16) % len(STACKS)]


def furnish(world: "World", environment: Document) -> None:
    """Add automations where there is an automations file that has been applied at least once."""
    status = environment["status"]
    if not environment["spec"].get("automationsFile", {}).get("automationsFilePath") or "automationsFile" not in status:
        return
    if status["automationsFile"].get("phase") in ("CONTENT_PHASE_FAILED", "CONTENT_PHASE_INITIALIZING", None):
        return
    rng, created = world.rng, instant_of(environment["metadata"]["createdAt"]) + MINUTE
    running = status["phase"] == "ENVIRONMENT_PHASE_RUNNING"
    stack = stack_of(world, environment)
    for recipe in STACKS[stack].services:
        phase = rng.choices(("RUNNING", "STARTING", "FAILED", "STOPPED"), (80, 5, 5, 10))[0] if running else "STOPPED"
        world.services.put(automations.service_document(recipe, environment, phase, created, rng), clean=True)
    tasks = automations.task_documents(stack, environment, created, rng)
    for task in tasks:
        world.tasks.put(task, clean=True)
    for _ in range(rng.choices((0, 1, 2, 3), (30, 35, 25, 10))[0]):
        _past_execution(world, environment, tasks, running)


def _past_execution(world: "World", environment: Document, tasks: list[Document], running: bool) -> None:
    rng = world.rng
    task = rng.choice(tasks)
    groups = automations.plan(task, {each["id"]: each for each in tasks}, rng)
    recipe = automations.recipe_of(task)
    outcome = rng.choices(
        ("SUCCEEDED", "FAILED", "STOPPED", "RUNNING", "PENDING"), (60, 20, 8, 10 * running, 2 * running)
    )[0]
    took = automations.length(recipe, rng)
    started = max(instant_of(environment["metadata"]["lastStartedAt"]) + MINUTE, 0)
    begun = (
        min(started, world.instant - took - MINUTE)
        if outcome not in ("RUNNING", "PENDING")
        else world.instant - took // 2
    )
    execution = automations.execution_document(
        task, groups, begun, environment["metadata"]["creator"]["id"], environment["metadata"]["creator"], rng
    )
    if outcome != "PENDING":
        merge(execution, automations.advanced(execution, "RUNNING", begun))
    if outcome in ("SUCCEEDED", "FAILED", "STOPPED"):
        failure = recipe.failure if outcome == "FAILED" else ""
        merge(execution, automations.advanced(execution, outcome, begun + took, failure))
        execution["status"]["statusVersion"] = "3"
    world.executions.put(execution, clean=True)
    if outcome in ("RUNNING", "PENDING"):
        world.agenda.add(world.instant + took // 2, "execution", execution["id"])
