"""The pages of a list, made from its declaration: the page and its fragments, news, facets, and the list as a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from portal.exports.download import PERMISSION, Asking, respond
from portal.lists import facets as counted
from portal.lists.completion import offers
from portal.lists.declaration import List, ListQuery
from portal.lists.export import IN_BACKGROUND, export_of, large_export
from portal.lists.facets import find
from portal.lists.keyset import LAST
from portal.lists.news import kept, keys_of
from portal.lists.place import SIZES, Column
from portal.lists.query import as_of_of, read_query
from portal.lists.registry import LISTS
from portal.web.confirming import asks_again
from portal.web.htmx import htmx_of, is_fragment, render_page
from portal.web.permissions import View, explain_roles, permission

WHOLE, BODY, ALONE = "page", "body", "list"


def urls(
    listing: List, *, page: str = "", changes: str = "changes/", facets: str = "facets/", export: str = "export/"
) -> list[URLPattern]:
    """The addresses of a list; those that its declaration names."""
    return [
        path(route, make(listing), name=url_name.partition(":")[2] or url_name)
        for route, url_name, make in (
            (page, listing.page_url, page_of),
            (changes, listing.changes_url, changes_of),
            (facets, listing.facets_url, facets_of),
            (export, listing.export_url, export_view_of),
        )
        if url_name
    ]


def page_of(listing: List) -> View[...]:
    """The page, or the part of it that htmx asks for; 204 to an open page (`seen`) while nothing is new."""

    @permission(*listing.permissions)
    def list_page(request: HttpRequest, /, **of: Any) -> HttpResponseBase:
        as_of = as_of_of(listing, request.GET)
        with as_of.reading():
            seen = listing.token(of)
            if is_fragment(request) and request.GET.get("seen") == seen:
                return HttpResponse(status=204)
            query = read_query(listing.as_seen_by(request.user), request.GET, as_of, of)
            part = _part(request, listing)
            context = list_context(request, query, seen, part)
        template = listing.body_template if part == BODY else listing.list_template
        response = render_page(request, listing.template, template, context | as_of.bar(query.place))
        if is_fragment(request) and "seen" not in request.GET:
            # While words are typed the address follows, but only the other steps are ones to go back to.
            header = "HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"
            response[header] = context["here"]
        return response

    return _of(listing, list_page)


def changes_of(listing: List) -> View[...]:
    """The list again where anything changed since the page was made, else 204: open pages ask every few seconds."""

    @permission(*listing.permissions)
    def list_changes(request: HttpRequest, /, **of: Any) -> HttpResponseBase:
        as_of = as_of_of(listing, request.GET)
        with as_of.reading():
            seen = listing.token(of)
            if request.GET.get("seen") == seen:
                return HttpResponse(status=204)
            query = read_query(listing.as_seen_by(request.user), request.GET, as_of, of)
            context = list_context(request, query, seen, ALONE)
        return render(request, listing.list_template, context | as_of.bar(query.place))

    return _of(listing, list_changes)


def facets_of(listing: List) -> View[...]:
    """The filters with their counts; with `of` and `find`, only the values of one filter that match."""

    @permission(*listing.permissions)
    def list_facets(request: HttpRequest, /, **of: Any) -> HttpResponseBase:
        as_of, name = as_of_of(listing, request.GET), request.GET.get("of", "")
        with as_of.reading():
            query = read_query(listing.as_seen_by(request.user), request.GET, as_of, of)
            context = {"listing": query.listing, "query": query, "find_url": _url(listing.facets_url, query)}
            if facet := find(query, name, request.GET.get(f"find-{name}", "").strip()):
                return render(request, "lists/_options.html", context | {"facet": facet})
            return render(request, listing.panel_template, context | {"facets": counted.facets(query)})

    return _of(listing, list_facets)


def export_view_of(listing: List) -> View[...]:
    """The list as a file: all that its query asks for, or an explanation of what makes no sense of it."""

    @asks_again("GET")
    @require_GET
    @permission(*listing.permissions, PERMISSION)
    def list_export(request: HttpRequest, /, **of: Any) -> HttpResponseBase:
        as_of = as_of_of(listing, request.GET)
        with as_of.reading():  # some words cannot be asked about the past
            query = read_query(listing, request.GET, as_of, of)
            asking = Asking.of(request)
            large = large_export(query, request.GET.get("format", ""), asking)
        if large:
            return IN_BACKGROUND[0](request, large)
        name = query.listing.table.name if query.listing.table else query.listing.name
        return respond(request, name, lambda: export_of(listing, request.GET, of, asking), query.problems)

    return _of(listing, list_export)


@require_GET
@permission()
def complete(request: HttpRequest) -> JsonResponse:
    """What the last word of `q` may become in the search box of the list named; for those who may see that list."""
    listing = LISTS.get(request.GET.get("list", ""))
    if listing is None or listing.search is None:
        raise Http404
    if not request.user.has_perms(listing.permissions):
        raise PermissionDenied(explain_roles(request.user, listing.permissions, "This list"))
    found = offers(request.GET.get("q", ""), listing.search.keys)
    return JsonResponse({"offers": [{"start": each.start, "text": each.text, "note": each.note} for each in found]})


def list_context(request: HttpRequest, query: ListQuery, seen: str, part: str) -> dict[str, Any]:
    """What the templates of a list show. `seen`, its change token, is read before its rows: what changes in
    between is read again."""
    listing, place = query.listing, query.place
    now = query.page()
    shown, news = kept(query, now, request.GET.get("shown", ""))
    url = _url(listing.page_url, query)
    columns = {sort.name: place.column(sort) for sort in listing.sorts}
    total = query.total(now) if listing.is_counted else None
    context: dict[str, Any] = {
        "listing": listing,
        "query": query,
        "url": url,
        "here": f"{url}{place}",
        "page": shown,
        "rows": listing.display(shown.rows, query, request),
        "total": total,
        "page_count": 0 if total is None or total.is_more else -(-total.count // place.size),
        "chips": query.chips(),
        "problems": query.problems,
        "corrections": query.corrections,
        "seen": seen,
        "columns": columns,
        "headings": _headings(request, listing, columns),
        "hidden": _hidden(query),
        "sizes": [(size, place.sized(size)) for size in SIZES] if listing.sized else [],
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "last_url": place.at(LAST) if shown.next else "",
        "news": news,
        "changes_url": _changes_url(query, url, seen=seen, shown=keys_of(shown.rows)),
        "show_url": _changes_url(query, url, seen=""),
        "facets_url": f"{_url(listing.facets_url, query)}{place.at(None)}" if listing.facets_url else "",
        "export_url": _url(listing.export_url, query) if listing.export_url else "",
    }
    if not shown.rows and not place.filters:
        context.update(listing.empty())
    if part == WHOLE and listing.facets_url and "facets" in request.GET:
        context |= {"facets": counted.facets(query), "find_url": _url(listing.facets_url, query)}
    return context | {**listing.context(request, query, part)}


def _part(request: HttpRequest, listing: List) -> str:
    """Typing and ticking swap the list alone, so that the box and the ticks stay; links swap the filters too."""
    details = htmx_of(request)
    if not is_fragment(request):
        return WHOLE
    return ALONE if not listing.body_template or (details and details.target == "list") else BODY


def _headings(request: HttpRequest, listing: List, columns: dict[str, Column]) -> list[tuple[str, str, Column | None]]:
    found = []
    for each in listing.headings:
        if not each.permissions or any(map(request.user.has_perm, each.permissions)):
            column = columns.get(each.sort)
            found.append((each.css, each.label or (column.label if column else ""), column))
    return found


def _hidden(query: ListQuery) -> list[tuple[str, str]]:
    """What the form of the filters has no control for, and keeps."""
    place, shown = query.place, ("q", *query.listing.panel)
    kept = [("sort", place.sort_field), ("size", place.size_field)]
    return [pair for pair in kept if pair[1]] + [pair for pair in place.filters if pair[0] not in shown]


def _changes_url(query: ListQuery, url: str, **of_page: str) -> str:
    """Where an open page asks for news: as its rows in their order (`shown`), or as they would be now."""
    listing = query.listing
    if not listing.change_token:
        return ""
    url = _url(listing.changes_url, query) if listing.changes_url else url
    return query.as_of.live(f"{url}{query.place}&{urlencode(of_page)}")


def _url(name: str, query: ListQuery) -> str:
    return reverse(name, kwargs=dict(query.of))


def _of(listing: List, view: View[...]) -> View[...]:
    view.listing = listing  # type: ignore[attr-defined]  # the tests ask each view for it
    return view
