"""Executions as documents: the plan a task's dependencies make, and the way of an execution through it.

Each step is a change to the document, as in phases: automation_lifecycle applies them, seed_automations replays them.
"""

import random
from collections.abc import Mapping
from graphlib import TopologicalSorter

from portal.sandbox.automations import log_url, task_recipe
from portal.sandbox.documents import MINUTE, SECOND, Document, new_id, rfc3339
from portal.sandbox.recipes import TaskRecipe

_PHASE = "TASK_EXECUTION_PHASE_"
UNFINISHED = (f"{_PHASE}PENDING", f"{_PHASE}RUNNING")


def plan(task: Document, automations: Mapping[str, Document], rng: random.Random) -> list[Document]:
    """Groups to run one after another: each step as soon as all it depends on has run, the task itself last.

    `automations` are the tasks and services that the task may depend on, by id.
    """
    members = _members(task, automations)
    step_of = {identifier: new_id(rng) for identifier in members}
    sorter = TopologicalSorter({identifier: _needs(member, members) for identifier, member in members.items()})
    sorter.prepare()
    groups: list[Document] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        groups.append({"steps": [_step(members[identifier], step_of) for identifier in ready]})
        sorter.done(*ready)
    return groups


def _members(task: Document, automations: Mapping[str, Document]) -> dict[str, Document]:
    """The task and everything it depends on, by id."""
    members: dict[str, Document] = {}
    waiting = [task]
    while waiting:
        member = waiting.pop()
        if member["id"] not in members:
            members[member["id"]] = member
            waiting += [automations[needed] for needed in reversed(_needs(member, automations))]
    return members


def _needs(task: Document, known: Mapping[str, object]) -> list[str]:
    return [needed for needed in task.get("dependsOn", []) if needed in known]


def _step(member: Document, step_of: Mapping[str, str]) -> Document:
    needs = [step_of[needed] for needed in _needs(member, step_of)]
    is_service = "phase" in member.get("status", {})
    return {
        "id": step_of[member["id"]],
        **({"dependsOn": needs} if needs else {}),
        "label": member["metadata"].get("name", ""),
        **({"serviceId": member["id"]} if is_service else {"task": {"id": member["id"], "spec": member["spec"]}}),
    }


def pending(
    task: Document, groups: list[Document], created: int, started_by: str, creator: Document, rng: random.Random
) -> Document:
    """A new execution, PENDING. `started_by` is a trigger or the id of the requester."""
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
        "spec": {"plan": groups, "desiredPhase": f"{_PHASE}SUCCEEDED"},
        "status": {
            "statusVersion": "1",
            "phase": f"{_PHASE}PENDING",
            "logUrl": log_url(task["environmentId"], "task-execution", identifier),
        },
    }


def steps(execution: Document) -> list[Document]:
    """The steps of the plan in the order of its groups."""
    return [step for group in execution["spec"]["plan"] for step in group["steps"]]


def running(execution: Document) -> list[int]:
    """Which of the steps run now: their places among `steps`."""
    busy = {each["id"] for each in execution["status"].get("steps", []) if each["phase"] == f"{_PHASE}RUNNING"}
    return [place for place, step in enumerate(steps(execution)) if step["id"] in busy]


def begun(execution: Document, at: int) -> Document:
    """The changes when a pending execution begins: the first group runs."""
    first = execution["spec"]["plan"][0]
    return {
        "metadata": {"startedAt": rfc3339(at)},
        "status": {"phase": f"{_PHASE}RUNNING", "steps": _starting(first)},
    }


def step_ended(execution: Document, place: int, at: int, failure: str = "") -> Document:
    """The changes when a running step ends, badly if there is a failure.

    The last of its group to end lets the next group start, or ends the execution.
    """
    step = steps(execution)[place]
    known = [
        _ended(step, failure) if each["id"] == step["id"] else each for each in execution["status"].get("steps", [])
    ]
    groups = execution["spec"]["plan"]
    number = next(number for number, group in enumerate(groups) if step in group["steps"])
    mates = [(mate, each) for mate in groups[number]["steps"] for each in known if mate["id"] == each["id"]]
    if any(each["phase"] == f"{_PHASE}RUNNING" for _, each in mates):
        return {"status": {"steps": known}}
    for mate, each in mates:
        if each["phase"] == f"{_PHASE}FAILED":
            why = each.get("failureMessage", "").removeprefix("task failed: ")
            return _over("FAILED", known, at, f"step {mate.get('label', '')} failed: {why}")
    if number + 1 < len(groups):
        return {"status": {"steps": [*known, *_starting(groups[number + 1])]}}
    return _over("SUCCEEDED", known, at)


def stopped(execution: Document, at: int) -> Document:
    """The changes when an execution is cancelled: what runs stops, what has not started never will."""
    known = [
        {**each, "phase": f"{_PHASE}STOPPED"} if each["phase"] == f"{_PHASE}RUNNING" else each
        for each in execution["status"].get("steps", [])
    ]
    return {**_over("STOPPED", known, at), "spec": {"desiredPhase": f"{_PHASE}STOPPED"}}


def _starting(group: Document) -> list[Document]:
    return [{"id": step["id"], "phase": f"{_PHASE}RUNNING"} for step in group["steps"]]


def _ended(step: Document, failure: str) -> Document:
    if failure:
        return {"id": step["id"], "phase": f"{_PHASE}FAILED", "failureMessage": failure}
    output = dict(recipe(step).outputs) if "task" in step else {}
    return {"id": step["id"], "phase": f"{_PHASE}SUCCEEDED", "output": output}


def _over(phase: str, known: list[Document], at: int, failure: str = "") -> Document:
    return {
        "metadata": {"completedAt": rfc3339(at)},
        "status": {"phase": f"{_PHASE}{phase}", "failureMessage": failure or None, "steps": known},
    }


def recipe(step: Document) -> TaskRecipe:
    """The recipe of a step's task."""
    return task_recipe(step.get("label", ""), step["task"]["spec"].get("command", ""))


def length(step: Document, rng: random.Random) -> int:
    """How long the step runs this time, in microseconds."""
    return round(recipe(step).minutes * MINUTE * rng.uniform(0.6, 1.6)) + SECOND
