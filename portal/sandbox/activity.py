"""What people do: start, stop, create, rename and delete environments, and run tasks."""

import random
from collections.abc import Callable

from portal.sandbox import operations
from portal.sandbox.audit import note_owner
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import HOUR
from portal.sandbox.population import add_environment
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState


def _pause(environments: int, rng: random.Random) -> int:
    """Microseconds until the next action: each environment gets one every eight hours."""
    return max(1000, round(rng.expovariate(environments / (8 * HOUR))))


def begin(world: WorldState, environments: int) -> None:
    """Plan the first action; the more environments, the more often there is one."""
    if environments:
        world.agenda.add(world.instant + _pause(environments, world.rng), "people", "", environments)


def people(world: WorldState, _whom: str, environments: int) -> None:
    """Do one thing, and plan the next."""
    begin(world, environments)
    action = world.rng.choices(_ACTIONS, _WEIGHTS)[0]
    try:
        action(world)
    except Refused:
        return  # people also request what the policies do not allow


def pick(world: WorldState, phase: str) -> str:
    """Any environment in a phase, "" where there is none."""
    keys = world.environments.indexes["phase"].get(f"ENVIRONMENT_PHASE_{phase}", [])
    return world.rng.choice(keys)[1] if keys else ""


def start(world: WorldState, back: float = 0.1) -> None:
    """Start any stopped environment; unarchive an archived one with the probability `back`."""
    identifier = pick(world, "STOPPED")
    if not identifier:
        return
    if not world.environments.entries[identifier].facts.archived:
        operations.start(world, identifier)
        note_owner(world, identifier, "start environment")
    elif world.rng.random() < back:
        operations.unarchive(world, identifier)
        note_owner(world, identifier, "unarchive environment")


def stop(world: WorldState) -> None:
    """Stop any running environment."""
    identifier = pick(world, "RUNNING")
    if identifier:
        operations.stop(world, identifier)
        note_owner(world, identifier, "stop environment")


def _make(world: WorldState) -> None:
    note_owner(world, add_environment(world, Condition("CREATING", lockdown="later"), {}), "create environment")


def delete(world: WorldState) -> None:
    """Delete any stopped environment."""
    identifier = pick(world, "STOPPED")
    if identifier:
        operations.delete(world, identifier)
        note_owner(world, identifier, "delete environment")


def rename(world: WorldState) -> None:
    """Rename any running environment."""
    identifier = pick(world, "RUNNING")
    if identifier:
        name = world.document(identifier)["metadata"].get("name", "").removesuffix(" (2)")
        world.change(identifier, metadata={"name": f"{name[:76]} (2)"})
        note_owner(world, identifier, "update environment: metadata.name")


def _run_task(world: WorldState) -> None:
    identifier = pick(world, "RUNNING")
    tasks = list(world.tasks.walk({"environment": [identifier]})) if identifier else []
    if tasks:
        task = world.rng.choice(tasks)
        creator = world.document(identifier)["metadata"]["creator"]
        operations.start_task(world, task.key[1], creator)
        world.audit.note(world.instant, creator, "TASK", task.key[1], "start task")


_ACTIONS: tuple[Callable[[WorldState], None], ...] = (start, stop, _make, delete, rename, _run_task)
_WEIGHTS = (50, 12, 10, 6, 2, 20)
HANDLERS: dict[str, Callable[[WorldState, str, int], None]] = {"people": people}
