"""Lists as files, with the queries of the lists and `format`."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from automations.batches import views as batch_pages
from automations.batches.exports import batches, items
from automations.by_reference import list as by_reference_list
from automations.by_reference import occurrences, service_views, task_views
from automations.by_reference.exports import having, summed
from automations.by_reference.list import Listed
from automations.by_reference.occurrences import Having
from automations.models import ItemState
from portal.exports.download import PERMISSION, Asking, respond
from portal.lists.place import Place
from portal.lists.search import Problem
from portal.web.permissions import permission


@require_GET
@permission(*task_views.TO_SEE, PERMISSION)
def tasks_export(request: HttpRequest) -> HttpResponseBase:
    return _summed(request, by_reference_list.TASKS)


@require_GET
@permission(*service_views.TO_SEE, PERMISSION)
def services_export(request: HttpRequest) -> HttpResponseBase:
    return _summed(request, by_reference_list.SERVICES)


@require_GET
@permission(*task_views.TO_SEE, PERMISSION)
def task_export(request: HttpRequest, reference: str) -> HttpResponseBase:
    return _having(request, occurrences.TASKS, reference)


@require_GET
@permission(*service_views.TO_SEE, PERMISSION)
def service_export(request: HttpRequest, reference: str) -> HttpResponseBase:
    return _having(request, occurrences.SERVICES, reference)


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
    place, _ = by_reference_list.read_place(listed, request.GET, problems)
    return respond(request, listed.things, lambda: summed(Asking.of(request), listed, place), problems)


def _having(request: HttpRequest, has: Having, reference: str) -> HttpResponseBase:
    if not has.rows.filter(reference=reference).exists():
        raise Http404(f"No environment has {reference} any more. It may have been renamed or deleted.")
    problems: list[Problem] = []
    place, _ = occurrences.read_place(has, request.GET, problems)
    return respond(request, reference, lambda: having(Asking.of(request), has, reference, place), problems)
