"""Start, create, update and delete tasks, stop their executions (EnvironmentAutomationService).

Each returns its operation, which says how it ended; see `automations.actions.execute.perform` for what is raised.
`metadata` and `spec` are those of the request's message, in Ona's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack
from uuid import UUID

from automations.actions import registry
from automations.actions.execute import (
    GONE,
    Change,
    ids_of_reference,
    is_gone,
    perform,
    refresh,
    seen,
    target_of,
)
from automations.actions.merge_with_current import Check, unchecked, with_kept
from automations.actions.values import chosen, document_of, spoken
from automations.models import ExecutionPhase, Task, TaskExecution
from automations.sync import observe
from environments.actions.execute import NotPossible
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import Asked
from portal.ona import OnaClient

Message = Mapping[str, Any]
NEWEST = 10
LAST_DEPENDENCY = "Ona cannot take away all dependencies at once. Leave one, or delete the task and make it anew."


def start_task(*, task: Task, **asked: Unpack[Asked]) -> Operation:
    """StartTask: a new execution, pending. The operation's `after` names it as "executionId"."""

    def look(_: OnaClient, started: observe.AutomationObservation) -> Message:
        observe.observe(observe.EXECUTION_KIND, [started])
        return {"after": {"executionId": started.document.id}}

    change = Change(
        registry.START_TASK,
        lambda client: seen(lambda: client.start_task(task.pk)),
        {"id": task.pk},
        lambda client: newest_executions(client, task.pk),
        look=look,
    )
    return _perform(task, change, asked)


def newest_executions(client: OnaClient, task_id: UUID) -> dict[str, Any]:
    """{"newest": [ids], "newestCreatedAt": …}: what came last, at one time, by which those that come later are known.

    The time is Ona's own, so that its clock is held against nothing but itself; it is left out where there is none.
    """
    page = next(client.execution_pages(task_ids=[task_id], page_size=NEWEST))
    times = {document.id: document.metadata.head.created_at for document in page.items}
    last = max((at for at in times.values() if at), default=None)
    newest = {"newest": [id_ for id_, at in times.items() if at in (last, None)]}
    return newest | ({"newestCreatedAt": last} if last else {})


def stop_execution(*, execution: TaskExecution, **asked: Unpack[Asked]) -> Operation:
    """StopTaskExecution: Ona answers before it has ended."""

    def look(client: OnaClient, _: Any) -> Message:
        refresh(client, execution)
        return {}

    change = Change(
        registry.STOP_EXECUTION,
        lambda client: client.stop_task_execution(execution.pk),
        {"id": execution.pk},
        lambda _: {"phase": execution.phase, "desiredPhase": execution.desired_phase},
        {"desiredPhase": ExecutionPhase.STOPPED},
        look=look,
    )
    environment, task = execution.environment, Task.objects.filter(pk=execution.task_id).first()
    target = target_of("execution", execution.pk, str(task or execution.task_id), environment)
    return perform(environment, execution, target, change, asked)


def create_task(
    *,
    environment: Environment,
    metadata: Message,
    spec: Message,
    depends_on: Sequence[UUID] = (),
    **asked: Unpack[Asked],
) -> Operation:
    """CreateTask; the operation's `target_id` is the new task's."""
    reference = metadata["reference"]

    def look(_: OnaClient, made: observe.AutomationObservation) -> Message:
        observe.observe(observe.TASK_KIND, [made])
        return {"target_id": made.document.id}

    change = Change(
        registry.CREATE_TASK,
        lambda client: seen(
            lambda: client.create_task(environment.pk, metadata=metadata, spec=spec, depends_on=depends_on)
        ),
        {"environmentId": environment.pk, "metadata": metadata, "spec": spoken(spec), "dependsOn": depends_on},
        lambda client: ids_of_reference(client, observe.TASK_KIND, environment, reference),
        look=look,
    )
    return perform(environment, None, target_of("task", None, reference, environment), change, asked)


def update_task(
    *,
    task: Task,
    metadata: Message | None = None,
    spec: Message | None = None,
    depends_on: Sequence[UUID] | None = None,
    unless: Check = unchecked,
    **asked: Unpack[Asked],
) -> Operation:
    """UpdateTask. The last dependency cannot be taken away: an empty list cannot be told from none (proto3).

    `unless` and items of `env` that keep a value as in `update_service`.
    """
    after: dict[str, Any] = {"metadata": metadata or {}, "spec": spec or {}}
    if depends_on is not None:
        after["dependsOn"] = sorted(map(str, depends_on))

    def check() -> None:
        unless()
        if depends_on is not None and not depends_on and task.depends_on:
            raise NotPossible(LAST_DEPENDENCY)
        with_kept(spec, task)

    def look(client: OnaClient, _: Any) -> Message:
        refresh(client, task)
        return {}

    change = Change(
        registry.UPDATE_TASK,
        lambda client: client.update_task(
            task.pk, metadata=metadata, spec=with_kept(spec, task), depends_on=depends_on or None
        ),
        {"id": task.pk, **spoken({key: value for key, value in after.items() if value})},
        lambda _: chosen(document_of(task), after),
        chosen(after, after),
        check=check,
        look=look,
    )
    return _perform(task, change, asked)


def delete_task(*, task: Task, **asked: Unpack[Asked]) -> Operation:
    """DeleteTask, for ever; its executions stay."""
    change = Change(
        registry.DELETE_TASK,
        lambda client: client.delete_task(task.pk),
        {"id": task.pk},
        lambda _: {"exists": task.gone_at is None},
        {"exists": False},
        look=lambda client, _: GONE if is_gone(client, task) else {},
    )
    return _perform(task, change, asked)


def _perform(task: Task, change: Change, asked: Asked) -> Operation:
    environment = task.environment
    return perform(environment, task, target_of("task", task.pk, str(task), environment), change, asked)
