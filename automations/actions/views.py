"""How the actions on services and tasks are shown, below `/environments/<id>/automations/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import URLPattern
from django_htmx.http import trigger_client_event

from automations.actions import services, tasks
from automations.actions.merge_with_current import STOP_FIRST
from automations.models import Service, Task
from environments.actions.views.action import ENVIRONMENT, ActionRequest, Stage, urls
from environments.actions.views.panel import close_panel, find_environment, show_panel
from environments.models import Environment
from portal.ledger.models import Operation
from portal.web.htmx import is_fragment


def _find(model: type[Service | Task]) -> Callable[..., tuple[Service | Task, Environment]]:
    def find(environment_id: UUID, **ids: UUID) -> tuple[Service | Task, Environment]:
        """The environment's own, deleted or not; 404 where it has no such."""
        environment, (pk,) = find_environment(environment_id), ids.values()
        subject: Service | Task | None = model.objects.filter(environment=environment, pk=pk).first()
        if subject is None:
            thing = model._meta.verbose_name
            raise Http404(
                f"The portal knows no {thing} {pk} of this environment. A new one appears after "
                "the next sync. Look for it on the environment's Automations tab."
            )
        subject.environment = environment
        return subject, environment

    return find


def _show(thing: str) -> Callable[[ActionRequest, Mapping[str, Any], int], HttpResponse]:
    def show(opened: ActionRequest, context: Mapping[str, Any], status: int) -> HttpResponse:
        operation, action = context.get("operation"), opened.action
        shown = {
            **context,
            "thing": thing,
            "stop_first": operation is not None and operation.explanation == STOP_FIRST,
            "dependants": _dependants(opened.subject) if action.slug == "delete" else [],
        }
        return show_panel(opened.request, opened.page, action.template, shown, status=status)

    return show


def _dependants(subject: Service | Task) -> list[Task]:
    """The tasks that run after it."""
    tasks = Task.objects.present().filter(environment=subject.environment_id, depends_on__contains=[subject.pk])
    return list(tasks.order_by("reference", "pk"))


def _close(opened: ActionRequest, operation: Operation) -> HttpResponse:
    """On the tab again. A start is one press beside the panel, which may hold what somebody is typing: it stays."""
    request = opened.request
    if opened.action.slug == "start" and is_fragment(request) and "here" in request.POST:
        return trigger_client_event(HttpResponse(status=204), "environment-changed")
    return close_panel(request, opened.page, operation, opened.action.tab)


def urls_of(
    thing: str, model: type[Service | Task], actions: tuple[Any, ...], here: str, make: Callable[..., list[URLPattern]]
) -> list[URLPattern]:
    """What `make` makes of the actions on services or tasks: pages or endpoints, below `here`."""
    permissions = ("environments.view_environment", f"automations.view_{thing}")
    making = Stage(permissions, ENVIRONMENT.find, _show(thing), _close)
    changing = Stage(permissions, _find(model), _show(thing), _close)
    of_environment = [action for action in actions if action.subject == "environment"]
    of_thing = [action for action in actions if action.subject == thing]
    return [
        *make(of_environment, making, f"{here}{thing}s/", f"{{}}-{thing}"),
        *make(of_thing, changing, f"{here}{thing}s/<uuid:{thing}_id>/", f"{{}}-{thing}"),
    ]


def all_urls(here: str, make: Callable[..., list[URLPattern]]) -> list[URLPattern]:
    """The same of both."""
    return [
        *urls_of("service", Service, services.ACTIONS, here, make),
        *urls_of("task", Task, tasks.ACTIONS, here, make),
    ]


urlpatterns = all_urls("environments/<uuid:environment_id>/automations/", urls)
