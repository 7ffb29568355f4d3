"""`/accounts/sessions/`: where one is signed in, and ending that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.models import BrowserSession


@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """The newest use first; this browser's own is marked."""
    rows = BrowserSession.objects.of(_person(request)).order_by("-last_used_at", "-pk")
    return render(request, "accounts/sessions/all.html", {"sessions": rows, "here": request.session.session_key})


@require_POST
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out one browser."""
    if not BrowserSession.objects.of(_person(request)).filter(pk=session_id).end():
        raise Http404("This session has ended already.")
    messages.success(request, "That browser is signed out.")
    return redirect("accounts:sessions")


@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out all browsers but this one."""
    own = BrowserSession.objects.of(_person(request))
    ended = own.exclude(session_key=request.session.session_key).end()
    messages.success(request, f"{ended} other browser{'' if ended == 1 else 's'} signed out.")
    return redirect("accounts:sessions")


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Sessions belong to people.")
    return request.user
