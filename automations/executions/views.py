"""`/automations/`: what tasks did, everywhere; filtered, sorted and paged; its URL is its whole state."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from automations.executions import search_keys
from automations.executions.change_token import revision
from automations.executions.facets import can_be_found, facets, found
from automations.executions.query import SORTS, State, chips, read_state
from automations.executions.rows import COLUMNS, list_rows
from automations.models import AutomationQuerySet, TaskExecution
from environments.list.views import COUNTED, COUNTED_WORDS, Total
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.lists.keyset import page
from portal.lists.query import SIZES
from portal.web.htmx import htmx_of, is_fragment, render_page
from portal.web.permissions import permission

# what no index answers alone: each hit is looked up in its row
LOOKED_UP = ("", "task", "env", "project", "owner", "by", "failure", "duration")
TO_SEE = ("automations.view_taskexecution", "environments.view_environment")


@permission(*TO_SEE)
def execution_list(request: HttpRequest) -> HttpResponse:
    state = read_state(request.GET)
    context = list_context(state)
    if not is_fragment(request):
        context["read"] = SyncRun.objects.latest_successful(SyncRun.Kind.AUTOMATIONS)
        context["facets"] = facets(state) if "facets" in request.GET else None
    response = render_page(request, "automations/executions/executions.html", _fragment(request), context)
    if is_fragment(request):
        # While words are typed the address follows, but only the other steps are ones to go back to.
        header = "HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"
        response[header] = context["here"]
    return response


@permission(*TO_SEE)
def execution_changes(request: HttpRequest) -> HttpResponse:
    """The list anew where anything changed since the page was made, else 204: what open pages ask every few seconds."""
    if request.GET.get("seen") == revision(TaskExecution):
        return HttpResponse(status=204)
    return render(request, "automations/executions/_executions.html", list_context(read_state(request.GET)))


@permission(*TO_SEE)
def execution_facets(request: HttpRequest) -> HttpResponse:
    """The filters with their counts; with `of` and `find`, only the values of one filter that match."""
    state, name = read_state(request.GET), request.GET.get("of", "")
    if can_be_found(name):
        facet = found(state, name, request.GET.get(f"find-{name}", "").strip())
        return render(request, "environments/list/_options.html", {"facet": facet})
    return render(request, "automations/executions/_facets.html", {"facets": facets(state), "state": state})


def list_context(state: State) -> dict[str, Any]:
    """What the templates of the list show."""
    seen = revision(TaskExecution)  # before the rows: what changes in between is asked for again
    rows = state.filters.qs
    shown = page(rows, state.place.order, state.place.size, state.cursor, lambda found: found.only(*COLUMNS))
    url, place = reverse("automations:list"), state.place
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "page": shown,
        "rows": list_rows(shown.rows),
        "total": _total(state, rows),
        "chips": chips(state),
        "columns": {sort.name: place.column(sort) for sort in SORTS.values()},
        "sort_field": place.sort_field,
        "size_field": place.size_field,
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "changes_url": f"{reverse('automations:execution-changes')}{place}&{urlencode({'seen': seen})}",
        "facets_url": f"{reverse('automations:execution-facets')}{place.at(None)}",
        "keys": search_keys.KEYS.values(),
        "run": None if shown.rows or place.filters else freshness(SyncRun.Kind.ALL_AUTOMATIONS)[0],
    }


def _fragment(request: HttpRequest) -> str:
    """Typing and ticking swap the list alone, so that the box and the ticks stay; links swap the filters too."""
    details = htmx_of(request)
    alone = details and details.target == "list"
    return "automations/executions/_executions.html" if alone else "automations/executions/_executions_body.html"


def _total(state: State, rows: AutomationQuerySet) -> Total:
    """How many there are, up to a limit."""
    is_looked_up = state.selected("duration") or any(term.key in LOOKED_UP for term in state.filters.query.terms)
    limit = COUNTED_WORDS if is_looked_up else COUNTED
    count = rows.order_by().values("pk")[: limit + 1].count()
    return Total(min(count, limit), count > limit)
