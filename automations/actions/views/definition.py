"""The forms that make and change services and tasks of an environment. What is sent to them no error page tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Upper
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from automations.actions import registry
from automations.actions.forms.definition import DefinitionForm
from automations.actions.forms.service import ServiceForm
from automations.actions.forms.task import TaskForm
from automations.actions.services import STOP_FIRST
from automations.actions.views.control import TAB, Subject, ask, find_subject
from automations.models import Service, Task
from environments.actions.registry import Action
from environments.actions.specification import Conflict
from environments.actions.views.panel import NOT_ACCEPTED, close_panel, show_panel
from environments.detail.views import find
from environments.models import Environment
from environments.secrets.reach import secrets_for
from portal.ledger.models import Operation, Outcome
from portal.web.permissions import permission
from portal.web.sensitive import discreet

MOST_SECRETS = 500


@dataclass(frozen=True, slots=True)
class Thing:
    """What is made or changed."""

    name: str
    model: type[Subject]
    form: type[DefinitionForm]
    create: Action
    update: Action


THINGS = (
    Thing("service", Service, ServiceForm, registry.CREATE_SERVICE, registry.UPDATE_SERVICE),
    Thing("task", Task, TaskForm, registry.CREATE_TASK, registry.UPDATE_TASK),
)


def _view(thing: Thing, action: Action) -> Callable[..., HttpResponseBase]:
    @discreet
    @permission("environments.view_environment", f"automations.view_{thing.name}", action.permission)
    def view(request: HttpRequest, /, environment_id: UUID, **ids: UUID) -> HttpResponse:
        environment = find(environment_id)
        subject = find_subject(thing.model, environment, ids[f"{thing.name}_id"]) if ids else None
        form = thing.form(
            request.POST if request.method == "POST" else None,
            environment=environment,
            subject=subject,
            secrets=_secrets(environment),
            others=_others(environment, subject) if thing.model is Task else (),
            needs_reason=action.needs_reason,
        )
        operation = ask(request, form, lambda: form.save(form.asked(request.user)))
        if operation and operation.outcome != Outcome.FAILED:
            return close_panel(request, environment, operation, TAB)
        return _show(request, thing, action, form, operation)

    return view


def _secrets(environment: Environment) -> dict[str, str]:
    """The secrets it can see, by id: their names, and whose they are."""
    secrets = secrets_for(environment).defer("document").order_by(Upper("name"), "pk")[:MOST_SECRETS]
    return {str(secret.pk): f"{secret} ({secret.get_scope_kind_display()})" for secret in secrets}


def _others(environment: Environment, subject: Subject | None) -> Sequence[Subject]:
    """What a task can run after: tasks, and services where it does already."""
    tasks = list(Task.objects.of(environment).order_by("reference", "pk"))
    needed = subject.depends_on if isinstance(subject, Task) else []
    services = Service.objects.of(environment).filter(pk__in=needed).order_by("reference", "pk") if needed else ()
    return [*tasks, *services]


def _show(
    request: HttpRequest, thing: Thing, action: Action, form: DefinitionForm, operation: Operation | None
) -> HttpResponse:
    environment, subject = form.environment, form.subject
    context: dict[str, Any] = {"thing": thing.name, "subject": subject, "form": form, "url": request.path}
    if operation and operation.code == Conflict.code:
        context |= {"conflict": operation, "differences": form.differences()}
        form.rebase()
    else:
        context |= {"operation": operation, "stop_first": operation is not None and operation.explanation == STOP_FIRST}
    if not form.is_bound:
        context["why_not"] = (
            registry.obstacle(action, subject, environment)
            if subject
            else action.impossible(environment, None, timezone.now())
        )
    status = NOT_ACCEPTED if form.is_bound else 200
    return show_panel(request, environment, "automations/actions/define.html", context, status=status)


def urls() -> list[URLPattern]:
    """Two addresses for each thing."""
    here = "environments/<uuid:environment_id>/automations"
    found = []
    for thing in THINGS:
        name = thing.name
        found += [
            path(f"{here}/{name}s/create/", _view(thing, thing.create), name=f"create-{name}"),
            path(f"{here}/{name}s/<uuid:{name}_id>/edit/", _view(thing, thing.update), name=f"edit-{name}"),
        ]
    return found
