"""How items of a batch end: by what became of the execution, or of the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from automations.models import BatchItem, ExecutionPhase, ItemState, Service, ServicePhase, TaskExecution

End = tuple[ItemState, str]
EXECUTIONS = {
    ExecutionPhase.SUCCEEDED: ItemState.SUCCEEDED,
    ExecutionPhase.FAILED: ItemState.FAILED,
    ExecutionPhase.STOPPED: ItemState.STOPPED,
}
LONGEST_RUN = timedelta(hours=24)
LONGEST_WAIT = timedelta(minutes=15)  # for a service to come to what was asked for
GONE = "Ona no longer has it, so how it ended is not known."
TOO_LONG = "It was started and is still under way; the batch does not wait for it any longer."
NOT_FOLLOWED = "Ona accepted it, but the service has not come to it."


def ended(action: str, items: Sequence[BatchItem], now: datetime) -> Iterator[tuple[BatchItem, End]]:
    """Those of `items`, all under way, that have ended, and how."""
    if action == "task.start":
        executions = TaskExecution.objects.in_bulk([item.execution_id for item in items])
        for item in items:
            if end := _of_execution(executions.get(item.execution_id), item, now):
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


def _of_service(service: Service | None, wanted: str, item: BatchItem, now: datetime) -> End | None:
    if service is None or service.gone_at:
        return ItemState.UNKNOWN, GONE
    if service.phase == wanted:
        return ItemState.SUCCEEDED, ""
    if service.phase == ServicePhase.FAILED:
        return ItemState.FAILED, service.failure
    return (ItemState.UNKNOWN, NOT_FOLLOWED) if _is_older(item, now, LONGEST_WAIT) else None


def _is_older(item: BatchItem, now: datetime, age: timedelta) -> bool:
    return item.began_at is not None and item.began_at < now - age
