"""Start, create, update and delete tasks, stop their executions (EnvironmentAutomationService).

Each returns its operation, which says how it ended; see `environments.actions.execute` for what is raised. `metadata`
and `spec` are those of the request's message, in Ona's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from automations.actions.change import (
    GONE,
    RUN,
    change_automations,
    ids_of_reference,
    if_in,
    is_gone,
    refresh,
    seen,
    target_of,
    while_both_exist,
    while_running,
)
from automations.actions.forms.task import TaskForm
from automations.actions.merge_with_current import LAST_DEPENDENCY, Check, unchecked, with_kept
from automations.actions.reconcile import by_absence, by_reference, by_values, given, start_of_task
from automations.actions.values import chosen, document_of, spoken
from automations.models import SETTLED, ExecutionPhase, Task, TaskExecution
from automations.sync import observe
from environments.actions.execute import NotPossible
from environments.actions.registry import Action, Danger, Many
from environments.models import Environment
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext
from portal.ona import OnaClient

Message = Mapping[str, Any]
NEWEST = 10


def start_task(*, task: Task, **context: Unpack[RequestContext]) -> Operation:
    """StartTask: a new execution, pending. The operation's `after` names it as "executionId"."""

    def read_back(_: OnaClient, started: observe.AutomationObservation) -> Message:
        observe.observe(observe.EXECUTION_KIND, [started])
        return {"after": {"executionId": started.document.id}}

    return _change(
        START_TASK, task, lambda client: seen(lambda: client.start_task(task.pk)), context, request={"id": task.pk},
        before=lambda client: newest_executions(client, task.pk), read_back=read_back,
    )  # fmt: skip


def newest_executions(client: OnaClient, task_id: UUID) -> dict[str, Any]:
    """{"newest": [ids], "newestCreatedAt": …}: what came last, at one time, by which those that come later are known.

    The time is Ona's own, so that its clock is held against nothing but itself; it is left out where there is none.
    """
    page = next(client.execution_pages(task_ids=[task_id], page_size=NEWEST))
    times = {document.id: document.metadata.head.created_at for document in page.items}
    last = max((at for at in times.values() if at), default=None)
    newest = {"newest": [id_ for id_, at in times.items() if at in (last, None)]}
    return newest | ({"newestCreatedAt": last} if last else {})


def stop_execution(*, execution: TaskExecution, **context: Unpack[RequestContext]) -> Operation:
    """StopTaskExecution: Ona answers before it has ended."""

    environment, task = execution.environment, Task.objects.filter(pk=execution.task_id).first()
    return change_automations(
        STOP_EXECUTION,
        environment,
        target_of("execution", execution.pk, str(task or execution.task_id), environment),
        lambda client: client.stop_task_execution(execution.pk),
        context,
        subject=execution,
        request={"id": execution.pk},
        before=lambda _: stopping(execution),
        after={"desiredPhase": ExecutionPhase.STOPPED},
        read_back=lambda client, _: _read_back(client, execution),
    )


def stopping(execution: TaskExecution) -> Message:
    """Its present and its requested definition."""
    return {"phase": execution.phase, "desiredPhase": execution.desired_phase}


def create_task(
    *,
    environment: Environment,
    metadata: Message,
    spec: Message,
    depends_on: Sequence[UUID] = (),
    **context: Unpack[RequestContext],
) -> Operation:
    """CreateTask; the operation's `target_id` is the new task's."""
    reference = metadata["reference"]

    def read_back(_: OnaClient, made: observe.AutomationObservation) -> Message:
        observe.observe(observe.TASK_KIND, [made])
        return {"target_id": made.document.id}

    return change_automations(
        CREATE_TASK,
        environment,
        target_of("task", None, reference, environment),
        lambda client: seen(
            lambda: client.create_task(environment.pk, metadata=metadata, spec=spec, depends_on=depends_on)
        ),
        context,
        request={"environmentId": environment.pk, "metadata": metadata, "spec": spoken(spec), "dependsOn": depends_on},
        before=lambda client: ids_of_reference(client, observe.TASK_KIND, environment, reference),
        read_back=read_back,
    )


def update_task(
    *,
    task: Task,
    metadata: Message | None = None,
    spec: Message | None = None,
    depends_on: Sequence[UUID] | None = None,
    unless: Check = unchecked,
    **context: Unpack[RequestContext],
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

    return _change(
        UPDATE_TASK,
        task,
        lambda client: client.update_task(
            task.pk, metadata=metadata, spec=with_kept(spec, task), depends_on=depends_on or None
        ),
        context,
        request={"id": task.pk, **spoken({key: value for key, value in after.items() if value})},
        before=lambda _: chosen(document_of(task), after),
        after=chosen(after, after),
        check=check,
        read_back=lambda client, _: _read_back(client, task),
    )


def delete_task(*, task: Task, **context: Unpack[RequestContext]) -> Operation:
    """DeleteTask, for ever; its executions stay."""
    return _change(
        DELETE_TASK, task, lambda client: client.delete_task(task.pk), context, request={"id": task.pk},
        before=lambda _: {"exists": task.gone_at is None}, after={"exists": False},
        read_back=lambda client, _: GONE if is_gone(client, task) else {},
    )  # fmt: skip


def _change(action: Action, task: Task, call: Any, context: RequestContext, **change: Any) -> Operation:
    environment = task.environment
    target = target_of("task", task.pk, str(task), environment)
    return change_automations(action, environment, target, call, context, subject=task, **change)


def _read_back(client: OnaClient, subject: Task | TaskExecution) -> Message:
    refresh(client, subject)
    return {}


def _cannot_stop(execution: TaskExecution, organization: Organization | None, now: datetime) -> str:
    return while_both_exist(execution, organization, now) or if_in("It has ended.", execution, SETTLED)


START_TASK = Action(
    name="task.start", label="Start task", past="started", in_ledger="start task", permission=RUN, do=start_task,
    subject="task", slug="start", impossible=while_running, many=Many("Start task", "in"),
    explanation="A new execution begins: what the task depends on runs first, then its command.",
    template="automations/actions/act.html", tab="automations", supersedes="task", proof=start_of_task,
)  # fmt: skip
CREATE_TASK = Action(
    name="task.create", label="Create task", past="created", in_ledger="create task", permission="automations.add_task",
    do=create_task, slug="create", danger=Danger.REASON, form=TaskForm, template="automations/actions/define.html",
    tab="automations", is_sensitive=True, proof=by_reference(Task, observe.TASK_KIND),
)  # fmt: skip
UPDATE_TASK = Action(
    name="task.update", label="Change task", past="changed", in_ledger="change task",
    permission="automations.change_task", do=update_task, subject="task", slug="edit", danger=Danger.REASON,
    impossible=while_both_exist, form=TaskForm, template="automations/actions/define.html", tab="automations",
    is_sensitive=True, proof=by_values(Task, given),
)  # fmt: skip
DELETE_TASK = Action(
    name="task.delete", label="Delete task", past="deleted", in_ledger="delete task",
    permission="automations.delete_task", do=delete_task, subject="task", slug="delete", danger=Danger.LOSS,
    impossible=while_both_exist, template="automations/actions/act.html", tab="automations",
    explanation="The task is permanently removed from this environment: its command, triggers and variables. Its "
    "executions stay. An automations file that names it creates it again.",
    proof=by_absence(Task),
)  # fmt: skip
STOP_EXECUTION = Action(
    name="execution.stop", label="Stop execution", past="stopped", in_ledger="stop execution of task", permission=RUN,
    do=stop_execution, subject="execution", slug="stop", danger=Danger.LOSS, impossible=_cannot_stop, title="Stop",
    button="Stop", supersedes="task", many=Many("Stop", one="execution"),
    proof=by_values(TaskExecution, lambda execution, _: stopping(execution)),
    explanation="The steps that run now are cancelled, and those that wait never run. What they have written so far "
    "stays.",
    template="automations/executions/_execution_act.html",
)  # fmt: skip
ACTIONS = (START_TASK, CREATE_TASK, UPDATE_TASK, DELETE_TASK, STOP_EXECUTION)
