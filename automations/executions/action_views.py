"""`/automations/executions/<id>/stop/` and `/again/`: stop an execution, start its task once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from automations.executions.detail import RUN_AGAIN, STOP, Run, find, frame, run_of
from environments.actions.views.action import ActionRequest, Stage, urls
from environments.actions.views.panel import TONES, is_page_of_its_own
from portal.ledger.models import Operation, Outcome
from portal.web.htmx import is_fragment, render_page


def _find(execution_id: UUID) -> tuple[Run, Run]:
    run = run_of(find(execution_id))
    return run, run


def _show(opened: ActionRequest, context: Mapping[str, Any], status: int) -> HttpResponse:
    page, template = "automations/executions/execution_panel.html", opened.action.template
    return render_page(opened.request, page, template, frame(opened.page) | dict(context), status=status)


def _close(opened: ActionRequest, operation: Operation) -> HttpResponse:
    """To the new execution where there is one; else back on the page, which tells what became of a stop."""
    request = opened.request
    if opened.action is STOP and is_fragment(request) and not is_page_of_its_own(request):
        closed = HttpResponse('<section id="panel" hidden></section>')
        return trigger_client_event(closed, "execution-changed", after="swap")
    if operation.outcome != Outcome.SUCCEEDED:
        messages.add_message(request, TONES.get(Outcome(operation.outcome), messages.WARNING), operation.explanation)
    started = operation.after.get("executionId")
    page = reverse("automations:execution", args=[started or opened.page.execution.pk])
    return HttpResponseClientRedirect(page) if is_fragment(request) else redirect(page)


STAGE = Stage(("environments.view_environment", "automations.view_taskexecution"), _find, _show, _close)
urlpatterns = urls((STOP, RUN_AGAIN), STAGE, "automations/executions/<uuid:execution_id>/", "execution-{}")
