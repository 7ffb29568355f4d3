"""What holds for every request that asks about a past time (`as_of` in its address), before its view runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRedirect

from environments.as_of import clock
from environments.as_of.context import AsOf
from portal.lists.registry import LISTS
from portal.web.clock import of_the_past
from portal.web.htmx import htmx_of
from portal.web.problems import is_api

NOW_ONLY = "This page shows the present alone. Environments and audits can be viewed at a past time."
# Besides the lists that declare a past; evidence has it in its form, saved views in what they save.
PAST = ("audit:", "accounts:", "admin:")


class PastTimes:
    """A page of the past writes times as they are, not "2 d ago". A time that cannot be shown shows no data at all, and
    gives no file: today's figures under an address of the past would be taken for those of then."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.GET.get("as_of", "").strip():
            return self.get_response(request)
        with of_the_past():
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], of: dict[str, Any]
    ) -> HttpResponse | None:
        typed = request.GET.get("as_of", "").strip()
        if not typed or is_api(request) or request.method != "GET" or not request.user.is_authenticated:
            return None
        match = request.resolver_match
        name = match.view_name if match else ""
        as_of = AsOf.read(typed)
        if as_of.problem or not _has_past(view, name):
            return _nothing(request, as_of, is_export="export" in name)
        return None


def _has_past(view: Callable[..., Any], name: str) -> bool:
    listing = getattr(view, "listing", None) or LISTS.get(name)
    if listing is None:
        return name.startswith(PAST)
    return isinstance(listing.as_of(""), AsOf)


def _nothing(request: HttpRequest, as_of: AsOf, *, is_export: bool) -> HttpResponse:
    """The page that says why there is nothing to show; for an export an error, so that no file comes of it."""
    if htmx_of(request) is not None:
        return HttpResponseClientRedirect(request.get_full_path())
    first = as_of.first
    if first:
        title = f"{as_of.problem.message if as_of.problem else ''}"
        text = f"The portal had not seen the organization at {as_of.typed[:60]} yet, so it shows nothing, not a guess."
    elif as_of.problem:
        title, text = "This time cannot be shown", str(as_of.problem)
    else:
        title, text = "Not recorded over time", NOW_ONLY
    context = {"title": title, "text": text, "links": [] if is_export else list(_ways_out(request, first))}
    return render(request, "as_of/nothing.html", context, status=400 if is_export else 200)


def _ways_out(request: HttpRequest, first: datetime | None) -> Iterator[tuple[str, str]]:
    query = request.GET.copy()
    del query["as_of"]
    now = f"{request.path}?{query.urlencode()}"
    if first:
        query["as_of"] = clock.written(first)
        yield "Show earliest available", f"{request.path}?{query.urlencode()}"
    yield "Show now", now
