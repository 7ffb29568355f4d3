"""`/automations/executions/<id>/stop/` and `/again/`: stop an execution, start its task once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from automations.actions import registry
from automations.actions.tasks import start_task, stop_execution
from automations.executions.detail import STRANGER, TASK_GONE, Run, find, frame, run_of
from environments.actions.execute import NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.registry import Action
from environments.actions.views.panel import NOT_ACCEPTED, TONES, is_page_of_its_own
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import Asked
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission


@dataclass(frozen=True, slots=True)
class Act:
    """`lead` says what it does before anything is done; `title` stands before the task's name."""

    slug: str
    action: Action
    title: str
    lead: str
    button: str
    do: Callable[[Run, Asked], Operation]
    is_dangerous: bool = False


def _stop(run: Run, asked: Asked) -> Operation:
    if run.environment is None:
        raise NotPossible(STRANGER)
    return stop_execution(execution=run.execution, **asked)


def _start(run: Run, asked: Asked) -> Operation:
    if run.environment is None or run.task is None:
        raise NotPossible(TASK_GONE if run.environment else STRANGER)
    return start_task(task=run.task, **asked)


ACTS = (
    Act(
        "stop",
        registry.STOP_EXECUTION,
        "Stop",
        "The steps that run now are cancelled, and those that wait never run. What they have written so far stays.",
        "Stop",
        _stop,
        is_dangerous=True,
    ),
    Act(
        "again",
        registry.START_TASK,
        "Run again:",
        "A new execution of the task starts in the same environment, with everything the task depends on, as the task "
        "is now. This one stays as it is.",
        "Run again",
        _start,
    ),
)


def _view(act: Act) -> Callable[..., HttpResponseBase]:
    @permission("environments.view_environment", "automations.view_taskexecution", act.action.permission)
    def view(request: HttpRequest, execution_id: UUID) -> HttpResponse:
        run = run_of(find(execution_id))
        form = ActionForm(request.POST or None, needs_reason=act.action.needs_reason)
        operation = _ask(request, run, act, form) if request.method == "POST" and form.is_valid() else None
        if operation and operation.outcome != Outcome.FAILED:
            return _close(request, run, act, operation)
        return _show(request, run, act, form, operation)

    return view


def _ask(request: HttpRequest, run: Run, act: Act, form: ActionForm) -> Operation | None:
    """The operation; None where it is not possible, which the form then says."""
    try:
        operation = act.do(run, form.asked(request.user))
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def _show(request: HttpRequest, run: Run, act: Act, form: ActionForm, operation: Operation | None) -> HttpResponse:
    is_sent = request.method == "POST"
    context = frame(run) | {
        "act": act,
        "form": form,
        "operation": operation,
        "why_not": "" if is_sent else run.why_not(act.action, request.user),
    }
    return render_page(
        request,
        "automations/executions/execution_panel.html",
        "automations/executions/_execution_act.html",
        context,
        status=NOT_ACCEPTED if is_sent else 200,
    )


def _close(request: HttpRequest, run: Run, act: Act, operation: Operation) -> HttpResponse:
    """To the new execution where there is one; else back on the page, which tells what became of a stop."""
    started = operation.after.get("executionId")
    if act.action is registry.STOP_EXECUTION and is_fragment(request) and not is_page_of_its_own(request):
        closed = HttpResponse('<section id="panel" hidden></section>')
        return trigger_client_event(closed, "execution-changed", after="swap")
    if operation.outcome != Outcome.SUCCEEDED:
        messages.add_message(request, TONES.get(Outcome(operation.outcome), messages.WARNING), operation.explanation)
    page = reverse("automations:execution", args=[started or run.execution.pk])
    return HttpResponseClientRedirect(page) if is_fragment(request) else redirect(page)


def urls() -> list[URLPattern]:
    """One address for each."""
    return [
        path(f"automations/executions/<uuid:execution_id>/{act.slug}/", _view(act), name=f"execution-{act.slug}")
        for act in ACTS
    ]
