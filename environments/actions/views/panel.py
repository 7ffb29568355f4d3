"""Forms on an environment's page: a page of their own without scripts, a panel on the environment's page with htmx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from environments.models import Environment
from environments.policies.verdict import with_stops
from portal.ledger.models import Operation, Outcome
from portal.web.htmx import htmx_of, is_fragment, render_page

NOT_ACCEPTED = 422
TONES = {Outcome.SUCCEEDED: messages.SUCCESS, Outcome.FAILED: messages.ERROR}


def find_environment(environment_id: UUID) -> Environment:
    """The environment, gone or not; 404 where the portal has never seen it."""
    environment = with_stops(Environment.objects.select_related("sighting")).filter(pk=environment_id).first()
    if environment is None:
        raise Http404(
            f"The portal has no record of an environment {environment_id}. A new one appears after the next sync; one "
            "of another organization never does. Look for it by name under Environments."
        )
    return environment


def show_panel(
    request: HttpRequest, environment: Environment, panel: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """`panel` is a template whose outermost element is <section id="panel">; `status` 422 shows a form with errors."""
    shown = {"environment": environment, "panel_template": panel, "sighting": getattr(environment, "sighting", None)}
    return render_page(request, "environments/actions/panel.html", panel, shown | dict(context), status=status)


def close_panel(request: HttpRequest, environment: Environment, operation: Operation, tab: str = "") -> HttpResponse:
    """After a form was sent: back on the environment's page, which tells what is asked for and what came of it."""
    if is_fragment(request) and not is_page_of_its_own(request):
        closed = HttpResponse('<section id="panel" hidden></section>')
        return trigger_client_event(closed, "environment-changed", after="swap")
    if operation.outcome != Outcome.SUCCEEDED:
        messages.add_message(request, TONES.get(Outcome(operation.outcome), messages.WARNING), operation.explanation)
    page = page_of(environment, tab)
    return HttpResponseClientRedirect(page) if is_fragment(request) else redirect(page)


def is_page_of_its_own(request: HttpRequest) -> bool:
    """Whether the form was not opened on the page of what it is about but at its own address."""
    details = htmx_of(request)
    here = details.current_url_abs_path if details else None
    return here is not None and here.partition("?")[0] == request.path


def page_of(environment: Environment, tab: str = "") -> str:
    """The environment's page, on one of its tabs."""
    if tab == "automations":
        return reverse("automations:of-environment", args=[environment.pk])
    here = reverse("environments:detail", args=[environment.pk])
    return f"{here}?tab={tab}" if tab else here
