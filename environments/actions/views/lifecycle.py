"""`/environments/<id>/start/`, `/stop/`, …: each action's confirmation, and the action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from environments.actions import lifecycle, registry
from environments.actions.execute import NotPossible
from environments.actions.forms.lifecycle import DeleteForm, EnvironmentForm, LockdownForm, RenameForm
from environments.actions.losses import losses
from environments.actions.registry import Action
from environments.actions.views.panel import NOT_ACCEPTED, close_panel, show_panel
from environments.detail.views import find, organization_of
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import Asked
from portal.web.permissions import permission

Do = Callable[[Environment, Any, Asked], Operation]


@dataclass(frozen=True, slots=True)
class Act:
    """An action with its form: `lead` says what it does before anything is done; `title` stands before the name."""

    slug: str
    action: Action
    lead: str
    do: Do
    form: type[EnvironmentForm] = EnvironmentForm
    button: str = ""
    title: str = ""
    is_dangerous: bool = False


def _set_lockdown(environment: Environment, form: LockdownForm, asked: Asked) -> Operation:
    moment = form.moment()
    if moment is None:
        return lifecycle.clear_lockdown(environment=environment, **asked)
    return lifecycle.set_lockdown(environment=environment, at=moment, **asked)


ACTS = (
    Act(
        "start",
        registry.START,
        "It starts with the content it was stopped with, and runs until it is stopped or its timeout passes.",
        lambda environment, _, asked: lifecycle.start_environment(environment=environment, **asked),
    ),
    Act(
        "stop",
        registry.STOP,
        "What runs in it ends: editors, terminals, tasks and services. Files on its disk stay for the next start.",
        lambda environment, _, asked: lifecycle.stop_environment(environment=environment, **asked),
        is_dangerous=True,
    ),
    Act(
        "keep-awake",
        registry.KEEP_AWAKE,
        "Ona notes a sign of use now, as if somebody worked in it: its inactivity timeout begins anew. The page then "
        "shows the portal and your name as its source.",
        lambda environment, _, asked: lifecycle.mark_environment_active(environment=environment, **asked),
    ),
    Act(
        "archive",
        registry.ARCHIVE,
        "It is stopped first if it runs, and has to be unarchived before it can be started again. Where the "
        "organization's policy says so, archived environments are deleted after a while.",
        lambda environment, _, asked: lifecycle.archive_environment(environment=environment, **asked),
        is_dangerous=True,
    ),
    Act(
        "unarchive",
        registry.UNARCHIVE,
        "It comes back stopped, as it was archived, and can be started again.",
        lambda environment, _, asked: lifecycle.unarchive_environment(environment=environment, **asked),
    ),
    Act(
        "rename",
        registry.RENAME,
        "The name is what people see in lists; nothing in the environment depends on it.",
        lambda environment, form, asked: lifecycle.rename_environment(
            environment=environment, name=form.cleaned_data["name"], **asked
        ),
        RenameForm,
    ),
    Act(
        "lockdown",
        registry.LOCKDOWN,
        "From its lockdown on, under a strict policy of the organization, an environment cannot be started any more.",
        _set_lockdown,
        LockdownForm,
        "Set lockdown",
        "Lockdown of",
    ),
    Act(
        "delete",
        registry.DELETED,
        "Everything in it is lost for ever. Nobody can bring it back, at Ona neither.",
        lambda environment, form, asked: lifecycle.delete_environment(
            environment=environment, force=form.cleaned_data["force"], **asked
        ),
        DeleteForm,
        "Delete for ever",
        is_dangerous=True,
    ),
)


def _view(act: Act) -> Callable[..., HttpResponseBase]:
    @permission("environments.view_environment", act.action.permission)
    def view(request: HttpRequest, environment_id: UUID) -> HttpResponse:
        environment = find(environment_id)
        form = act.form(request.POST or None, environment=environment, needs_reason=act.action.needs_reason)
        operation = _ask(request, environment, act, form) if request.method == "POST" and form.is_valid() else None
        if operation and operation.outcome != Outcome.FAILED:
            return close_panel(request, environment, operation)
        return _show(request, environment, act, form, operation)

    return view


def _ask(request: HttpRequest, environment: Environment, act: Act, form: EnvironmentForm) -> Operation | None:
    """The operation; None where it is not possible, which the form then says."""
    try:
        operation = act.do(environment, form, form.asked(request.user))
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def _show(
    request: HttpRequest, environment: Environment, act: Act, form: EnvironmentForm, operation: Operation | None
) -> HttpResponse:
    now = timezone.now()
    why_not = act.action.impossible(environment, organization_of(environment), now)
    context = {
        "act": act,
        "form": form,
        "operation": operation,
        "why_not": "" if request.method == "POST" else why_not,
        "losses": losses(environment, now) if act.action.loses_work else [],
    }
    status = NOT_ACCEPTED if request.method == "POST" else 200
    return show_panel(request, environment, "environments/actions/_act.html", context, status=status)


def urls() -> list[URLPattern]:
    """One address for each."""
    return [path(f"<uuid:environment_id>/{act.slug}/", _view(act), name=act.slug) for act in ACTS]
