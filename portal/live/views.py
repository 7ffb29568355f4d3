"""`/live/`: whether something changed since a page last asked. `portal.live.shortcut` answers most of it; and the
numbers in the navigation, which every page has."""

from __future__ import annotations

from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.live.tokens import tokens
from portal.live.topics import find
from portal.web.navigation import BADGES
from portal.web.permissions import explain_roles, permission

NOTHING = "There is nothing of this name to ask news of."


@require_GET
@permission()
def live(request: HttpRequest) -> HttpResponse:
    """The token of what the page is `about`, as text; 204 if it is the one that was `seen`."""
    about = request.GET.get("about", "")
    found = find(about)
    if found is None:
        raise Http404(NOTHING)
    topic, argument = found
    if not request.user.has_perms(topic.permissions):
        raise PermissionDenied(explain_roles(request.user, topic.permissions, "This page"))
    make = partial(topic.token, argument)
    try:
        token = tokens.token(about, make)
    except ValueError:
        raise Http404(NOTHING) from None
    tokens.allow(request.META.get("HTTP_COOKIE", ""), about, make)
    topic.mark(argument)
    if request.GET.get("seen") == token:
        return HttpResponse(status=204)
    return HttpResponse(token, content_type="text/plain; charset=utf-8")


@require_GET
@permission()
def live_badge(request: HttpRequest, name: str) -> HttpResponse:
    """The number beside an entry of the navigation, by the name of its URL: nothing for those who are shown none."""
    if name not in BADGES:
        raise Http404(NOTHING)
    return render(request, "_badge.html", {"badge": BADGES[name](request)})
