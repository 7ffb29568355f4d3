"""How items of a batch end: by what became of the execution, the service, or the environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from automations.models import BatchItem, ExecutionPhase, ItemState, Service, ServicePhase, TaskExecution
from environments.actions.lifecycle import START
from environments.actions.registry import Action
from environments.models import Environment, Sighting
from portal.ledger.models import Operation
from portal.web.formatting import duration_words, phase_word

End = tuple[ItemState, str]
EXECUTIONS = {
    ExecutionPhase.SUCCEEDED: ItemState.SUCCEEDED,
    ExecutionPhase.FAILED: ItemState.FAILED,
    ExecutionPhase.STOPPED: ItemState.STOPPED,
}
LONGEST_RUN = timedelta(hours=24)
LONGEST_WAIT = timedelta(minutes=15)  # for a service to come to what was asked for, or for what is late to be seen
GONE = "Ona no longer has it; its outcome is unknown."
TOO_LONG = "It was started and is still in progress; the batch no longer waits for it."
NOT_SEEN = "Ona accepted it, but its result could not be read afterwards."
NOT_ENDED = "Ona accepted it, but the execution has not ended."
NOT_FOLLOWED = "Ona accepted it, but the service has not reached that state."


def ended(action: str, items: Sequence[BatchItem], now: datetime) -> Iterator[tuple[BatchItem, End]]:
    """Those of `items`, all under way, that have ended, and how."""
    if action == "task.start":
        executions = TaskExecution.objects.in_bulk([item.execution_id for item in items])
        for item in items:
            if end := _of_execution(executions.get(item.execution_id), item, now):
                yield item, end
        return
    if action == "execution.stop":
        executions = TaskExecution.objects.in_bulk([item.target_id for item in items])
        for item in items:
            if end := _of_stop(executions.get(item.target_id), item, now):
                yield item, end
        return
    services = Service.objects.in_bulk([item.target_id for item in items])
    wanted = ServicePhase.RUNNING if action == "service.start" else ServicePhase.STOPPED
    for item in items:
        if end := _of_service(services.get(item.target_id), wanted, item, now):
            yield item, end


def _of_execution(execution: TaskExecution | None, item: BatchItem, now: datetime) -> End | None:
    if execution and execution.phase in EXECUTIONS:
        return EXECUTIONS[ExecutionPhase(execution.phase)], execution.failure
    if execution and execution.gone_at:
        return ItemState.UNKNOWN, GONE
    return (ItemState.UNKNOWN, TOO_LONG) if _is_older(item, now, LONGEST_RUN) else None


def _of_stop(execution: TaskExecution | None, item: BatchItem, now: datetime) -> End | None:
    if execution is None or execution.gone_at:
        return ItemState.UNKNOWN, GONE
    if execution.phase in EXECUTIONS:
        is_stopped = execution.phase == ExecutionPhase.STOPPED
        return ItemState.SUCCEEDED, "" if is_stopped else f"It ended by itself: {phase_word(execution.phase)}."
    return (ItemState.UNKNOWN, NOT_ENDED) if _is_older(item, now, LONGEST_WAIT) else None


def _of_service(service: Service | None, wanted: str, item: BatchItem, now: datetime) -> End | None:
    if service is None or service.gone_at:
        return ItemState.UNKNOWN, GONE
    if service.phase == wanted:
        return ItemState.SUCCEEDED, ""
    if service.phase == ServicePhase.FAILED:
        return ItemState.FAILED, service.failure
    if _is_older(item, service.seen_at, LONGEST_WAIT):
        return ItemState.UNKNOWN, NOT_FOLLOWED
    return (ItemState.UNKNOWN, NOT_SEEN) if _is_older(item, now, 2 * LONGEST_WAIT) else None


def ended_environments(action: Action, items: Sequence[BatchItem], now: datetime) -> Iterator[tuple[BatchItem, End]]:
    """As `ended`, of an action that Ona follows with the environment itself."""
    ids = [item.environment_id for item in items]
    environments = Environment.objects.in_bulk(ids)
    seen = dict(Sighting.objects.filter(pk__in=ids).values_list("pk", "seen_at"))
    operations = Operation.objects.in_bulk([item.operation_id for item in items])
    for item in items:
        environment, operation = environments.get(item.environment_id), operations[item.operation_id]
        if end := _of_environment(environment, seen.get(item.environment_id), action, operation, now):
            yield item, end


def _of_environment(
    environment: Environment | None, seen_at: datetime | None, action: Action, operation: Operation, now: datetime
) -> End | None:
    if environment and action.followed and action.followed(environment, operation):
        return ItemState.SUCCEEDED, ""
    if environment is None or environment.gone_at:
        return ItemState.UNKNOWN, GONE
    if (age := now - operation.asked_at) < action.patience:
        return None
    if seen_at is None or seen_at < operation.asked_at + action.patience:
        return (ItemState.UNKNOWN, NOT_SEEN) if age > action.patience + LONGEST_WAIT else None
    late = f"Ona accepted it {duration_words(age)} ago, but the environment is {phase_word(environment.phase)}."
    if action is START and environment.failure:
        return ItemState.FAILED, f"{late} It says: {environment.failure}"
    return ItemState.UNKNOWN, late


def _is_older(item: BatchItem, now: datetime, age: timedelta) -> bool:
    return item.began_at is not None and item.began_at < now - age
