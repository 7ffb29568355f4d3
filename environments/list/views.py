"""`/environments/`: the whole fleet, filtered, sorted and paged; its URL is its whole state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from environments.as_of.context import AsOf
from environments.list import search_keys
from environments.list.change_token import revision
from environments.list.facets import facets, found
from environments.list.query import NAMED, SORTS, State, chips, read_state
from environments.list.rows import COLUMNS, list_rows
from environments.models import EnvironmentQuerySet, SyncRun
from environments.sync.freshness import freshness
from portal.lists.keyset import page
from portal.lists.place import SIZES
from portal.web.htmx import htmx_of, is_fragment, render_page
from portal.web.permissions import permission

COUNTED = 10_000
# Words are looked up in a text index, and each hit in its row: counting many of them would outlast the page itself.
COUNTED_WORDS = 1_000
TEXT_KEYS = ("", "name", "owner", "project", "repo", "branch", "class", "runner")


@dataclass(frozen=True, slots=True)
class Total:
    """How many environments there are, counted up to a limit."""

    count: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.count:,}{'+' if self.is_more else ''}"


@permission("environments.view_environment")
def environment_list(request: HttpRequest) -> HttpResponse:
    as_of = AsOf.read(request.GET.get("as_of", ""))
    with as_of.reading():
        state = read_state(request.GET, more=as_of.pairs)
        shown = list_context(state, as_of)
        filters = facets(state) if "facets" in request.GET and not is_fragment(request) else None
    template = _fragment(request)
    context = shown | as_of.bar(state.place) | {"facets": filters}
    response = render_page(request, "environments/list/list.html", template, context)
    if is_fragment(request):
        # While words are typed the address follows, but only the other steps are ones to go back to.
        header = "HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"
        response[header] = context["here"]
    return response


@permission("environments.view_environment")
def environment_changes(request: HttpRequest) -> HttpResponse:
    """The list anew where anything changed since the page was made, else 204: what open pages ask every few seconds."""
    if request.GET.get("seen") == revision():
        return HttpResponse(status=204)
    as_of, state = AsOf(), read_state(request.GET)
    return render(request, "environments/list/_list.html", list_context(state, as_of) | as_of.bar(state.place))


@permission("environments.view_environment")
def environment_facets(request: HttpRequest) -> HttpResponse:
    """The filters with their counts; with `of` and `find`, only the values of one filter that match."""
    as_of = AsOf.read(request.GET.get("as_of", ""))
    with as_of.reading():
        state, name = read_state(request.GET, more=as_of.pairs), request.GET.get("of", "")
        if name in NAMED:
            facet = found(state, name, request.GET.get(f"find-{name}", "").strip())
            return render(request, "lists/_options.html", {"facet": facet, "here": str(state.place)})
        return render(request, "environments/list/_facets.html", {"facets": facets(state), "state": state})


def list_context(state: State, as_of: AsOf) -> dict[str, Any]:
    """What the templates of the list show."""
    seen = revision()  # before the rows: what changes in between is asked for again
    rows = state.filters.qs
    shown = page(rows, state.place.order, state.place.size, state.cursor, lambda found: found.only(*COLUMNS))
    url = reverse("environments:list")
    place = state.place
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "page": shown,
        "rows": list_rows(shown.rows, url),
        "total": _total(state, rows),
        "chips": chips(state),
        "columns": [place.column(sort) for sort in SORTS.values()],
        "sort_field": place.sort_field,
        "size_field": place.size_field,
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "changes_url": as_of.live(f"{reverse('environments:changes')}{place}&{urlencode({'seen': seen})}"),
        "facets_url": f"{reverse('environments:facets')}{place.at(None)}",
        "keys": search_keys.KEYS.values(),
        "sweep": None if shown.rows or place.filters else freshness(SyncRun.Kind.ENVIRONMENTS)[0],
    }


def _fragment(request: HttpRequest) -> str:
    """Typing and ticking swap the list alone, so that the box and the ticks stay; links swap the filters too."""
    details = htmx_of(request)
    return "environments/list/_list.html" if details and details.target == "list" else "environments/list/_body.html"


def _total(state: State, rows: EnvironmentQuerySet) -> Total:
    """How many there are, up to a limit."""
    limit = COUNTED_WORDS if any(term.key in TEXT_KEYS for term in state.filters.query.terms) else COUNTED
    count = rows.order_by().values("pk")[: limit + 1].count()
    return Total(min(count, limit), count > limit)
