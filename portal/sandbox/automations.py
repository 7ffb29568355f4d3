"""Services, tasks and task executions of an environment, as documents."""

import random
from functools import cache

from portal.sandbox.documents import MINUTE, SECOND, Document, new_id, pruned, rfc3339
from portal.sandbox.organization import DOMAIN
from portal.sandbox.recipes import STACKS, ServiceRecipe, TaskRecipe


@cache
def _service_parts(recipe: ServiceRecipe) -> tuple[Document, Document]:
    """The metadata and the spec that services of one recipe share. Not to be changed."""
    metadata = {
        "reference": recipe.reference,
        "name": recipe.name,
        "description": recipe.description,
        "triggeredBy": [{trigger: True} for trigger in recipe.triggers],
        "role": recipe.role,
    }
    spec = {
        "commands": {"start": recipe.start, "ready": recipe.ready, "stop": recipe.stop},
        "runsOn": {"docker": {"image": recipe.image}} if recipe.image else {"machine": {}},
        "readinessTimeout": recipe.readiness_timeout,
    }
    return pruned(metadata), pruned(spec)


@cache
def _task_parts(recipe: TaskRecipe) -> tuple[Document, Document]:
    """The metadata and the spec that tasks of one recipe share. Not to be changed."""
    metadata = {
        "reference": recipe.reference,
        "name": recipe.name,
        "description": recipe.description,
        "triggeredBy": [{trigger: True} for trigger in recipe.triggers],
    }
    spec = {
        "command": recipe.command,
        "env": [{"name": name, "value": value} for name, value in recipe.environment],
        "prebuildRequiresSuccess": "prebuild" in recipe.triggers,
    }
    return pruned(metadata), pruned(spec)


def service_document(
    recipe: ServiceRecipe, environment: Document, phase: str, created: int, rng: random.Random
) -> Document:
    """A service in the given phase (STARTING, RUNNING, STOPPED, FAILED …)."""
    identifier, version = new_id(rng), rng.randrange(2, 60)
    metadata, spec = _service_parts(recipe)
    status = {
        "statusVersion": str(version * 3),
        "phase": f"SERVICE_PHASE_{phase}",
        "logUrl": log_url(environment["id"], "service", identifier),
        "session": new_id(rng),
    }
    if phase == "FAILED":
        status["failureMessage"] = "readiness check did not succeed within 300s: exit status 7"
    desired = "SERVICE_PHASE_STOPPED" if phase == "STOPPED" else "SERVICE_PHASE_RUNNING"
    return {
        "id": identifier,
        "environmentId": environment["id"],
        "metadata": {**metadata, "createdAt": rfc3339(created), "creator": environment["metadata"]["creator"]},
        "spec": {**spec, "specVersion": str(version), "desiredPhase": desired, "session": new_id(rng)},
        "status": status,
    }


def task_documents(stack: str, environment: Document, created: int, rng: random.Random) -> list[Document]:
    """The tasks of a stack, with dependsOn pointing at each other's ids."""
    ids: dict[str, str] = {}
    documents = []
    origin = {"createdAt": rfc3339(created), "creator": environment["metadata"]["creator"]}
    for recipe in STACKS[stack].tasks:
        ids[recipe.reference] = new_id(rng)
        metadata, spec = _task_parts(recipe)
        document: Document = {
            "id": ids[recipe.reference],
            "environmentId": environment["id"],
            "metadata": {**metadata, **origin},
            "spec": spec,
        }
        if recipe.needs:
            document["dependsOn"] = [ids[needed] for needed in recipe.needs]
        documents.append(document)
    return documents


_RECIPES = {(recipe.reference, recipe.command): recipe for stack in STACKS.values() for recipe in stack.tasks}


def recipe_of(task: Document) -> TaskRecipe:
    """The recipe a task was made from; a plain one for a task that came by the API."""
    reference, command = task["metadata"]["reference"], task["spec"].get("command", "")
    return _RECIPES.get((reference, command)) or TaskRecipe(
        reference, task["metadata"].get("name", reference), "", command
    )


def plan(task: Document, tasks: dict[str, Document], rng: random.Random) -> list[Document]:
    """The groups of an execution: what the task depends on first, itself last, one step each."""
    order: list[Document] = []
    _depth_first(task, tasks, order, set())
    groups, step_of = [], {}
    for member in order:
        step_of[member["id"]] = new_id(rng)
        needs = [step_of[needed] for needed in member.get("dependsOn", []) if needed in step_of]
        step = {
            "id": step_of[member["id"]],
            **({"dependsOn": needs} if needs else {}),
            "label": member["metadata"].get("name", ""),
            "task": {"id": member["id"], "spec": member["spec"]},
        }
        groups.append({"steps": [step]})
    return groups


def _depth_first(task: Document, tasks: dict[str, Document], order: list[Document], seen: set[str]) -> None:
    if task["id"] in seen:
        return
    seen.add(task["id"])
    for needed in task.get("dependsOn", []):
        if needed in tasks:
            _depth_first(tasks[needed], tasks, order, seen)
    order.append(task)


def execution_document(
    task: Document, groups: list[Document], created: int, started_by: str, creator: Document, rng: random.Random
) -> Document:
    """A new execution, PENDING."""
    identifier = new_id(rng)
    return {
        "id": identifier,
        "metadata": {
            "taskId": task["id"],
            "environmentId": task["environmentId"],
            "createdAt": rfc3339(created),
            "creator": creator,
            "startedBy": started_by,
        },
        "spec": {"plan": groups, "desiredPhase": "TASK_EXECUTION_PHASE_SUCCEEDED"},
        "status": {
            "statusVersion": "1",
            "phase": "TASK_EXECUTION_PHASE_PENDING",
            "logUrl": log_url(task["environmentId"], "task-execution", identifier),
        },
    }


def advanced(execution: Document, phase: str, at: int, failure: str = "") -> Document:
    """The changes that bring a whole execution to RUNNING, SUCCEEDED, FAILED or STOPPED at an instant."""
    steps = [step["id"] for group in execution["spec"]["plan"] for step in group["steps"]]
    full = f"TASK_EXECUTION_PHASE_{phase}"
    last = {"id": steps[-1], "phase": full, **({"failureMessage": failure} if failure else {})}
    done = [{"id": step, "phase": "TASK_EXECUTION_PHASE_SUCCEEDED"} for step in steps[:-1]]
    change: Document = {
        "status": {"phase": full, "failureMessage": failure or None, "steps": [*done, last]},
        "metadata": {"startedAt": rfc3339(at)} if phase == "RUNNING" else {"completedAt": rfc3339(at)},
    }
    if phase == "SUCCEEDED":
        change["status"]["steps"][-1]["output"] = {"duration": "ok"}
    if phase == "STOPPED":
        change["spec"] = {"desiredPhase": full}
    return change


def length(recipe: TaskRecipe, rng: random.Random) -> int:
    """How long a run of the task takes this time, in microseconds."""
    return round(recipe.minutes * MINUTE * rng.uniform(0.6, 1.6)) + SECOND


def log_url(environment_id: str, kind: str, identifier: str) -> str:
    """Where the log of a service or execution streams from."""
    return f"https://{environment_id}--logs.env.{DOMAIN}/{kind}/{identifier}"
