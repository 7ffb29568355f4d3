"""Services and tasks of an environment, as documents."""

import random
from functools import cache

from portal.sandbox import failures
from portal.sandbox.documents import Document, new_id, pruned, rfc3339
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
    status: Document = {
        "statusVersion": str(version * 3),
        "phase": f"SERVICE_PHASE_{phase}",
        "logUrl": log_url(environment["id"], "service", identifier),
        "session": new_id(rng),
    }
    if phase == "FAILED":
        status["failureMessage"] = failures.service(spec, rng)
    elif phase == "RUNNING":
        status["output"] = service_output(metadata, spec)
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


_TASKS = {(recipe.name, recipe.command): recipe for stack in STACKS.values() for recipe in stack.tasks}
_SERVICES = {(recipe.name, recipe.start): recipe for stack in STACKS.values() for recipe in stack.services}


def task_recipe(name: str, command: str) -> TaskRecipe:
    """The recipe a task was made from; a plain one for a task that came by the API."""
    return _TASKS.get((name, command)) or TaskRecipe(name, name, "", command)


def service_output(metadata: Document, spec: Document) -> dict[str, str]:
    """The output of a running service, by its recipe."""
    recipe = _SERVICES.get((metadata.get("name", ""), spec.get("commands", {}).get("start", "")))
    return dict(recipe.outputs) if recipe else {"status": "ready"}


def log_url(environment_id: str, kind: str, identifier: str) -> str:
    """Where the log of a service or execution streams from."""
    return f"https://{environment_id}--logs.env.{DOMAIN}/{kind}/{identifier}"
