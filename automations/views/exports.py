"""Lists as files, with the queries of the lists and `format`."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from automations.exports.batches import batches, items
from automations.exports.executions import executions
from automations.exports.references import having, summed
from automations.lists import references, summaries
from automations.lists.references import Having
from automations.lists.state import read_state
from automations.lists.summaries import Listed
from automations.models import ItemState
from automations.views import batches as batch_pages
from automations.views import executions as execution_pages
from automations.views import services, tasks
from portal.web.downloads import PERMISSION, Asking, respond
from portal.web.lists import Place
from portal.web.permissions import permission
from portal.web.search import Problem


@require_GET
@permission(*execution_pages.TO_SEE, PERMISSION)
def execution_export(request: HttpRequest) -> HttpResponseBase:
    state = read_state(request.GET)
    return respond(request, "executions", lambda: executions(Asking.of(request), state), state.problems)


@require_GET
@permission(*tasks.TO_SEE, PERMISSION)
def tasks_export(request: HttpRequest) -> HttpResponseBase:
    return _summed(request, summaries.TASKS)


@require_GET
@permission(*services.TO_SEE, PERMISSION)
def services_export(request: HttpRequest) -> HttpResponseBase:
    return _summed(request, summaries.SERVICES)


@require_GET
@permission(*tasks.TO_SEE, PERMISSION)
def task_export(request: HttpRequest, reference: str) -> HttpResponseBase:
    return _having(request, references.TASKS, reference)


@require_GET
@permission(*services.TO_SEE, PERMISSION)
def service_export(request: HttpRequest, reference: str) -> HttpResponseBase:
    return _having(request, references.SERVICES, reference)


@require_GET
@permission(*batch_pages.SEE, PERMISSION)
def batch_export(request: HttpRequest) -> HttpResponseBase:
    problems: list[Problem] = []
    place, _ = Place.read(request.GET, (), batch_pages.SORTS, batch_pages.DEFAULT_ORDER, problems)
    return respond(request, "batches", lambda: batches(Asking.of(request), place), problems)


@require_GET
@permission(*batch_pages.SEE, PERMISSION)
def batch_items_export(request: HttpRequest, batch_id: UUID) -> HttpResponseBase:
    """The environments of one batch, with `state` those in one state."""
    batch, state = batch_pages.find(batch_id), request.GET.get("state", "")
    is_known = not state or state in ItemState.values
    problems = [] if is_known else [Problem(f"state={state}"[:60], f"takes {', '.join(map(str, ItemState.values))}")]
    return respond(request, f"batch-{str(batch.pk)[:8]}", lambda: items(Asking.of(request), batch, state), problems)


def _summed(request: HttpRequest, listed: Listed) -> HttpResponseBase:
    problems: list[Problem] = []
    place, _ = summaries.read_place(listed, request.GET, problems)
    return respond(request, listed.things, lambda: summed(Asking.of(request), listed, place), problems)


def _having(request: HttpRequest, has: Having, reference: str) -> HttpResponseBase:
    if not has.rows.filter(reference=reference).exists():
        raise Http404(f"No environment has {reference} any more. It may have been renamed or deleted.")
    problems: list[Problem] = []
    place, _ = references.read_place(has, request.GET, problems)
    return respond(request, reference, lambda: having(Asking.of(request), has, reference, place), problems)
