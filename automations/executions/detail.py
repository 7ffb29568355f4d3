"""`/automations/executions/<id>/`: one execution of a task: its plan, its log, its operations."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Unpack
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from automations.actions.tasks import START_TASK, STOP_EXECUTION, start_task, stop_execution
from automations.environment_tab import event_labels
from automations.executions import plan, step_durations
from automations.executions.plan import Named
from automations.executions.rows import took
from automations.logs.access import viewer_of
from automations.models import UNDER_WAY, Service, Task, TaskExecution, Transition
from automations.sync.poller import follow_execution
from environments.actions.execute import NotPossible
from environments.actions.menu import Button
from environments.actions.registry import Action
from environments.detail.news import one_row
from environments.models import Environment
from environments.sync import looked_at
from portal.directory.models import Organization
from portal.directory.standing import standings
from portal.ledger import rows as ledger_rows
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import RequestContext
from portal.web.enum_labels import TRIGGERS
from portal.web.formatting import ago_words, phase_word
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

WAITING_SECONDS = 2
# The execution and when it was last seen, its environment and task, and operations, which start and stop it.
NEWS = """
SELECT execution.changed_at, execution.seen_at, environment.changed_at, task.changed_at, (
    SELECT (count(*), count(closed_at), count(*) FILTER (WHERE outcome = 'unknown'))::text
    FROM ledger_operation operation WHERE operation.environment_id = execution.environment_id
)
FROM automations_taskexecution execution
LEFT JOIN environments_environment environment ON environment.id = execution.environment_id
LEFT JOIN automations_task task ON task.id = execution.task_id
WHERE execution.id = %(id)s
"""
SEE = ("environments.view_environment", "automations.view_taskexecution")
OPERATIONS = 20
FAILED_FOR = timedelta(minutes=15)
STRANGER = "The portal has no record of its environment: it is deleted or was never observed."
TASK_GONE = "Its task is deleted, or was never observed by the portal."


@dataclass(frozen=True, slots=True)
class Run:
    """An execution with what it belongs to, where the portal knows that, and what was asked of it, newest first."""

    execution: TaskExecution
    environment: Environment | None
    task: Task | None
    operations: list[Operation]

    @property
    def name(self) -> str:
        """Of its task, so far as that is known."""
        execution = self.execution
        return str(self.task or execution.task_name or execution.reference or execution.task_id)

    @property
    def is_under_way(self) -> bool:
        return self.execution.phase in UNDER_WAY and self.execution.gone_at is None

    def why_not(self, action: Action, user: User | AnonymousUser) -> str:
        """What stands against stopping it, or starting its task again; empty where nothing is known to."""
        return action.why_not(user, self)

    def revision(self) -> str:
        """Another one after any change of what the page shows, apart from how long ago things were."""
        shown = (
            self.execution.changed_at,
            self.environment and (self.environment.phase, self.environment.gone_at, str(self.environment)),
            self.task and (self.task.gone_at, str(self.task)),
            [(each.pk, each.outcome, each.closed_at) for each in self.operations],
        )
        return f"{zlib.crc32(repr(shown).encode()):08x}"


def _cannot_stop(run: Run, organization: Organization | None, now: datetime) -> str:
    return STOP_EXECUTION.impossible(run.execution, organization, now) if run.environment else STRANGER


def _cannot_run_again(run: Run, organization: Organization | None, now: datetime) -> str:
    if run.environment is None:
        return STRANGER
    return TASK_GONE if run.task is None or run.task.gone_at else START_TASK.impossible(run.task, organization, now)


def _stop(*, run: Run, **context: Unpack[RequestContext]) -> Operation:
    if run.environment is None:
        raise NotPossible(STRANGER)
    return stop_execution(execution=run.execution, **context)


def _run_again(*, run: Run, **context: Unpack[RequestContext]) -> Operation:
    if run.environment is None or run.task is None:
        raise NotPossible(TASK_GONE if run.environment else STRANGER)
    return start_task(task=run.task, **context)


# as the page of an execution offers them
STOP = replace(STOP_EXECUTION, subject="run", do=_stop, impossible=_cannot_stop)
RUN_AGAIN = replace(
    START_TASK, subject="run", slug="again", do=_run_again, impossible=_cannot_run_again, title="Run again:",
    button="Run again", template=STOP_EXECUTION.template,
    explanation="A new execution of the task starts in the same environment, with everything the task depends on, as "
    "the task is now. This one stays as it is.",
)  # fmt: skip


@permission(*SEE)
def execution_detail(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """The page; a poll brings the execution up to date first and gets the parts that changed, or 204."""
    execution = find(execution_id)
    if is_fragment(request):
        follow_execution(execution)
    run, now = run_of(execution), timezone.now()
    clock = took(execution)
    changed = run.revision()
    seen = f"{zlib.crc32(f'{clock} {ago_words(execution.seen_at, now)}'.encode()):08x}"
    is_changed = not is_fragment(request) or request.GET.get("changed") != changed
    if is_fragment(request) and not is_changed and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context = frame(run) | {
        "clock": clock,
        "is_changed": is_changed,
        "poll": f"{request.path}?{urlencode({'changed': changed, 'seen': seen})}",
        "poll_seconds": WAITING_SECONDS if run.is_under_way or any(o.is_open for o in run.operations) else 0,
    }
    if is_changed:
        context |= {"buttons": buttons(run, request.user), "log": viewer_of(execution, request.user), **body(run, now)}
    return render_page(
        request, "automations/executions/execution.html", "automations/executions/_execution_poll.html", context
    )


def news(execution_id: str) -> str:
    """Another text after any change of what the page shows; ValueError for what is no id."""
    return one_row(NEWS, UUID(execution_id))


def mark(execution_id: str) -> None:
    """Somebody looks at it, and so at its environment."""
    looked_at.mark(str(find(UUID(execution_id)).environment_id))


def find(execution_id: UUID) -> TaskExecution:
    """The execution, deleted at Ona or not; 404 if the portal has never seen it."""
    execution: TaskExecution | None = TaskExecution.objects.filter(pk=execution_id).first()
    if execution is None:
        raise Http404(
            f"The portal has no record of an execution {execution_id}. A new one appears after the next sync; one of "
            "another organization never does. Look for it by its task under Automations."
        )
    return execution


def run_of(execution: TaskExecution) -> Run:
    """In three queries."""
    started_it = Q(action=START_TASK.name, after__executionId=str(execution.pk))
    asked = Operation.objects.of_environment(execution.environment_id).filter(Q(target_id=execution.pk) | started_it)
    environment = Environment.objects.filter(pk=execution.environment_id).first()
    task = Task.objects.filter(pk=execution.task_id).first()
    for subject in (execution, task):
        if environment and subject:
            subject.environment = environment
    return Run(
        execution,
        environment,
        task,
        list(asked.newest_first().only(*ledger_rows.COLUMNS)[:OPERATIONS]),
    )


def frame(run: Run) -> dict[str, Any]:
    """The context of the page's head."""
    execution = run.execution
    starter = TRIGGERS.get(execution.started_by, execution.started_by_name or execution.started_by)
    return {
        "run": run,
        "execution": execution,
        "environment": run.environment,
        "started_by": starter or str(execution.creator_id or ""),
        "standing": standings((execution.owner_id, execution.project_id)),
    }


def buttons(run: Run, user: User | AnonymousUser) -> list[Button]:
    """What can be done, disabled with words where it cannot."""

    def button(action: Action) -> Button:
        url = reverse(f"automations:execution-{action.slug}", args=[run.execution.pk])
        return Button(action.button, url, run.why_not(action, user), is_dangerous=False)

    return [button(STOP), button(RUN_AGAIN)]


def body(run: Run, now: datetime) -> dict[str, Any]:
    """Notes, plan and history."""
    execution = run.execution
    seen = Transition.objects.filter(subject_id=execution.pk, field__startswith=event_labels.STEP)
    steps = step_durations.spells_of(execution, seen.order_by("seen_at", "id"))
    groups = plan.plan_of(execution.spec, execution.status, execution.phase, _named(execution), steps)
    return {
        "notes": [note for each in run.operations[:1] if (note := _note(run, each, now))],
        "groups": groups,
        "tally": plan.tally(groups),
        "events": event_labels.events(execution.pk),
        "operations": ledger_rows.rows(run.operations),
    }


def _named(execution: TaskExecution) -> dict[str, Named]:
    """The tasks and services of the plan, by id; both are found on the Automations tab of its environment."""
    tasks, services = plan.subjects(execution.spec)
    here = reverse("automations:of-environment", args=[execution.environment_id])
    rows = [
        *Task.objects.filter(environment_id=execution.environment_id, pk__in=_ids(tasks)),
        *Service.objects.filter(environment_id=execution.environment_id, pk__in=_ids(services)),
    ]
    return {
        str(row.pk): Named(str(row), f"{here}#{row._meta.model_name}-{row.pk}" if row.gone_at is None else "")
        for row in rows
    }


def _ids(texts: set[str]) -> list[UUID]:
    """Those that are ids: anything can stand in a document."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Note:
    """The state of the latest operation."""

    tone: str
    title: str
    text: str
    operation: Operation


def _note(run: Run, operation: Operation, now: datetime) -> Note | None:
    if operation.action != STOP_EXECUTION.name:
        return None
    title = f"Stop requested by {operation.actor_name}, {ago_words(operation.asked_at, now)}"
    match operation.outcome:
        case Outcome.PENDING:
            return Note("info", title, "Waiting for Ona's answer.", operation)
        case Outcome.UNKNOWN:
            return Note("warning", f"{title}, unknown", operation.explanation, operation)
        case Outcome.FAILED if now - operation.asked_at < FAILED_FOR:
            return Note("error", f"{title}, failed", operation.explanation, operation)
        case Outcome.SUCCEEDED if run.is_under_way:
            words = f"Ona has accepted it. The execution is {phase_word(run.execution.phase)}."
            return Note("info", title, words, operation)
    return None
