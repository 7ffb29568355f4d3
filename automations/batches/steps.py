"""What follows in an item of which several things are requested, one after the other.

"Restart" is a stop and a start. Around a task in an environment that was stopped are a start and a stop: once the batch
has started an environment, it is stopped again, whatever came of the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automations.batches.outcomes import End
from automations.models import BatchItem, ItemState
from environments.actions.lifecycle import START, STOP, UP
from environments.actions.registry import ACTIONS
from portal.ledger.models import Operation


@dataclass(frozen=True, slots=True)
class Place:
    """The step that comes next, and what came of those before it."""

    step: int
    result: str = ""
    why: str = ""


def is_around(steps: Sequence[str]) -> bool:
    """Whether the environment is stopped again at the end."""
    return len(steps) > 1 and (steps[0], steps[-1]) == (START.name, STOP.name)


def goes_back(steps: Sequence[str], operation: Operation) -> bool:
    """Whether the last step is still to be done; not in an environment that somebody else had started meanwhile."""
    return not (is_around(steps) and operation.action == START.name and operation.before.get("phase") in UP)


def after_step(item: BatchItem, state: ItemState, why: str) -> Place | End:
    """What follows on the present step, which ended in `state`; or how the item ends."""
    last, is_good = len(item.steps) - 1, state is ItemState.SUCCEEDED
    if not item.has_more:
        return _end(item, state, why)
    if is_good and item.step + 1 < last:
        return Place(item.step + 1)
    was_begun = item.step > 0 or item.state == ItemState.UNDER_WAY or state is ItemState.UNKNOWN
    if is_good or (is_around(item.steps) and was_begun):
        return Place(last, state, why)
    return state, why


def _end(item: BatchItem, state: ItemState, why: str) -> End:
    """The last step's end, and what came before it."""
    is_good = state is ItemState.SUCCEEDED
    if not item.result:
        return state, why
    said = "" if is_good else f"{ACTIONS[item.action].label}: {why}"
    whole = state if item.result == ItemState.SUCCEEDED else ItemState(item.result)
    return whole, " ".join(filter(None, (item.result_why, said)))
