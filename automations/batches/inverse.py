"""A batch that takes an earlier one back: the values before, as the operations of its items found them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from automations.batches.plan import STANDING, Candidate, Choice, obstacles_of, unless_read_only
from automations.models import Batch, BatchItem, ItemState
from environments.actions.execute import NotPossible
from environments.actions.registry import ACTIONS, GONE, Action, Inverse
from environments.models import Environment, EnvironmentQuerySet
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import RequestContext

UNRECORDED = "Its operation in the earlier batch is not recorded."
AS_BEFORE = "The earlier batch changed nothing."


def inverse_of(batch: Batch) -> Inverse | None:
    """What takes it back, if anything does."""
    action = ACTIONS.get(batch.action)
    return action.many.inverse if action and action.many else None


def undoing(batch: Batch) -> str:
    """The action, by name, that takes it back; empty if none does."""
    inverse = inverse_of(batch)
    return (inverse.name or batch.action) if inverse else ""


def is_by_values(action: Action) -> bool:
    """Whether it is taken back by itself, with the values before."""
    return action.many is not None and action.many.inverse is not None and action.many.inverse.do is not None


def choose(batch: Batch, environments: EnvironmentQuerySet) -> Choice:
    """Those of `environments` in which `batch` set a value, with the value before; four queries."""
    return unless_read_only(environments, lambda: _choose(batch, environments))


def _choose(batch: Batch, environments: EnvironmentQuerySet) -> Choice:
    rows, operations = environments.order_by("name", "pk").only(*STANDING), _operations(batch)
    choice, found = Choice(), dict[str, list[Environment]]()
    for environment in rows:
        operation = operations.get(environment.pk)
        if why := _why_not(batch, environment, operation):
            found.setdefault(why, []).append(environment)
        else:
            choice.candidates.append(Candidate(environment, environment.pk, words=_words(batch, operation)))
    choice.obstacles = obstacles_of(found)
    return choice


def request(batch: Batch, item: BatchItem, context: RequestContext) -> Operation:
    """Set the values that the earlier batch found in the environment of `item`; NotPossible where they are unknown."""
    earlier = Batch.objects.filter(pk=batch.undo_of).first() if batch.undo_of else None
    inverse = inverse_of(earlier) if earlier else None
    environment = Environment.objects.get(pk=item.environment_id)
    operation = _operations(earlier).get(environment.pk) if earlier else None
    if inverse is None or inverse.do is None or operation is None:
        raise NotPossible(UNRECORDED)
    arguments: dict[str, Any] = {**context, **inverse.arguments(operation)}
    return inverse.do(environment=environment, **arguments)


def _operations(batch: Batch) -> dict[UUID, Operation]:
    """The operations of `batch` that succeeded, by environment."""
    items = batch.items.filter(state=ItemState.SUCCEEDED)
    found = Operation.objects.filter(pk__in=items.values("operation_id"), outcome=Outcome.SUCCEEDED)
    return {operation.environment_id: operation for operation in found if operation.environment_id}


def _why_not(batch: Batch, environment: Environment, operation: Operation | None) -> str:
    inverse = inverse_of(batch)
    if environment.gone_at:
        return GONE
    if operation is None or inverse is None:
        return UNRECORDED
    values = {name: value for name, value in operation.before.items() if name != "specVersion"}
    if all(operation.after.get(name) == value for name, value in values.items()):
        return AS_BEFORE
    return inverse.impossible(operation)


def _words(batch: Batch, operation: Operation | None) -> str:
    inverse = inverse_of(batch)
    return inverse.words(operation) if inverse and operation else ""
