"""Start, stop and delete services and tasks: `/environments/<id>/automations/services/<id>/stop/` and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django_htmx.http import trigger_client_event

from automations.actions import registry
from automations.actions.services import delete_service, start_service, stop_service
from automations.actions.tasks import delete_task, start_task
from automations.models import Service, ServicePhase, Task
from environments.actions.execute import NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.registry import Action
from environments.actions.views.panel import NOT_ACCEPTED, close_panel, show_panel
from environments.detail.views import find
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import Asked
from portal.web.htmx import is_fragment
from portal.web.permissions import permission

TAB = "automations"
Subject = Service | Task


class ForceForm(ActionForm):
    """Deleting a service; one that is not stopped only by force."""

    force = forms.BooleanField(
        label="Delete it although it is not stopped", required=False,
        help_text="What runs ends at once, without its stop command.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """`lead` says what it does before anything is done."""

    verb: str
    thing: str
    action: Action
    lead: str
    do: Callable[[Any, Any, Asked], Operation]
    form: type[ActionForm] = ActionForm
    is_dangerous: bool = False

    @property
    def model(self) -> type[Subject]:
        """What it is done to."""
        return Service if self.thing == "service" else Task


ACTS = (
    Act(
        "start",
        "service",
        registry.START_SERVICE,
        "Its start command runs; it is ready when its ready command succeeds.",
        lambda service, _, asked: start_service(service=service, **asked),
    ),
    Act(
        "stop",
        "service",
        registry.STOP_SERVICE,
        "Its stop command runs, then what is left of it ends. People who use it now lose it.",
        lambda service, _, asked: stop_service(service=service, **asked),
        is_dangerous=True,
    ),
    Act(
        "delete",
        "service",
        registry.DELETE_SERVICE,
        "The service is taken out of this environment for ever: its commands, triggers and variables. An automations "
        "file that names it makes it anew.",
        lambda service, form, asked: delete_service(service=service, force=form.cleaned_data["force"], **asked),
        ForceForm,
        is_dangerous=True,
    ),
    Act(
        "start",
        "task",
        registry.START_TASK,
        "A new execution begins: what the task runs after first, then its command.",
        lambda task, _, asked: start_task(task=task, **asked),
    ),
    Act(
        "delete",
        "task",
        registry.DELETE_TASK,
        "The task is taken out of this environment for ever: its command, triggers and variables. Its executions stay. "
        "An automations file that names it makes it anew.",
        lambda task, _, asked: delete_task(task=task, **asked),
        is_dangerous=True,
    ),
)


def find_subject(model: type[Subject], environment: Environment, pk: UUID) -> Service | Task:
    """The environment's own, gone or not; 404 where it has no such."""
    subject: Service | Task | None = model.objects.filter(environment=environment, pk=pk).first()
    if subject is None:
        thing = model._meta.verbose_name
        raise Http404(
            f"The portal knows no {thing} {pk} of this environment. One that was made a moment ago appears after the "
            "next sync. Look for it on the environment's Automations tab."
        )
    return subject


def _view(act: Act) -> Callable[..., HttpResponseBase]:
    @permission("environments.view_environment", f"automations.view_{act.thing}", act.action.permission)
    def view(request: HttpRequest, /, environment_id: UUID, **ids: UUID) -> HttpResponse:
        environment = find(environment_id)
        subject = find_subject(act.model, environment, ids[f"{act.thing}_id"])
        form = act.form(request.POST or None, needs_reason=act.action.needs_reason)
        operation = ask(request, form, lambda: act.do(subject, form, form.asked(request.user)))
        if operation and operation.outcome != Outcome.FAILED:
            return _back(request, environment, act, operation)
        return _show(request, environment, subject, act, form, operation)

    return view


def ask(request: HttpRequest, form: ActionForm, do: Callable[[], Operation]) -> Operation | None:
    """The operation of a form that was sent and is good; None where it is not possible, which the form then says."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        operation = do()
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def _back(request: HttpRequest, environment: Environment, act: Act, operation: Operation) -> HttpResponse:
    """On the tab again. A start is one press beside the panel, which may hold what somebody is typing: it stays."""
    if act.verb == "start" and is_fragment(request) and "here" in request.POST:
        return trigger_client_event(HttpResponse(status=204), "environment-changed")
    return close_panel(request, environment, operation, TAB)


def _show(
    request: HttpRequest,
    environment: Environment,
    subject: Subject,
    act: Act,
    form: ActionForm,
    operation: Operation | None,
) -> HttpResponse:
    is_sent = request.method == "POST"
    why_not = "" if is_sent else registry.obstacle(act.action, subject, environment)
    if isinstance(form, ForceForm) and getattr(subject, "phase", "") == ServicePhase.STOPPED:
        form.fields["force"].widget = forms.HiddenInput()
    context = {
        "act": act,
        "subject": subject,
        "form": form,
        "operation": operation,
        "why_not": why_not,
        "dependants": _dependants(subject) if act.verb == "delete" else [],
        "url": request.path,
    }
    return show_panel(
        request, environment, "automations/actions/act.html", context, status=NOT_ACCEPTED if is_sent else 200
    )


def _dependants(subject: Subject) -> list[Task]:
    """The tasks that run after it."""
    tasks = Task.objects.present().filter(environment=subject.environment_id, depends_on__contains=[subject.pk])
    return list(tasks.order_by("reference", "pk"))


def urls() -> list[URLPattern]:
    """One address for each."""
    here = "environments/<uuid:environment_id>/automations"
    return [
        path(f"{here}/{act.thing}s/<uuid:{act.thing}_id>/{act.verb}/", _view(act), name=f"{act.verb}-{act.thing}")
        for act in ACTS
    ]
