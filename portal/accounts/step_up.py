"""Step-up: who signed in a while ago confirms who they are before a view that asks again (portal.web.confirming).

Signing in confirms it, too. Requests with an API token have no session, and are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect

from portal.accounts.kept_forms import keep_form
from portal.accounts.oidc.accounts import provider_of
from portal.accounts.second_factor.factors import has_factor
from portal.web.htmx import htmx_of
from portal.web.problems import is_api, problem_of_status

CONFIRMED = "confirmed_at"  # in the session: seconds since 1970
SAFE = ("GET", "HEAD", "OPTIONS")
IN_API = (
    "Confirm who you are first, at /accounts/confirm/ in this browser, and send this again; or use an API token, which "
    "is not asked."
)


def mark_confirmed(request: HttpRequest) -> None:
    """From now on they are not asked again for a while."""
    request.session[CONFIRMED] = int(time())


def was_confirmed(request: HttpRequest) -> bool:
    """Whether the person of this session said who they are within PORTAL_CONFIRM_MINUTES (0: never asked)."""
    limit = settings.CONFIRM_SECONDS
    return not limit or time() - request.session.get(CONFIRMED, 0) <= limit


def can_confirm(user: User) -> bool:
    """Whether there is anything to confirm with: who has signed in by links alone has nothing yet."""
    return user.has_usable_password() or has_factor(user) or provider_of(user) is not None


class AskedAgain(MiddlewareMixin):
    """Leads to the page that asks, keeps what was typed, and leads back."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """None lets the request through."""
        if not _asks(request, view) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        user = request.user
        if not isinstance(user, User) or was_confirmed(request) or not can_confirm(user):
            return None
        if is_api(request):
            return problem_of_status(403, IN_API)
        return keep_form(request, _to_page(request, request.get_full_path())) or _to_page(request, _back(request))


def _asks(request: HttpRequest, view: Callable[..., HttpResponseBase]) -> bool:
    """In the API a session is asked before every change: what is sent there is only known to the endpoint."""
    if is_api(request) and request.method not in SAFE:
        return True
    return request.method in getattr(view, "asks_again_at", ())


def _back(request: HttpRequest) -> str:
    """The page that led here: the request is for a file, or of a form that cannot be opened again."""
    page = request.headers.get("Referer", "")
    here = {request.get_host()}
    return page if url_has_allowed_host_and_scheme(page, here, request.is_secure()) else request.get_full_path()


def _to_page(request: HttpRequest, back: str) -> HttpResponse:
    page = f"{reverse('accounts:confirm')}?{urlencode({'next': back})}"
    return redirect(page) if htmx_of(request) is None else HttpResponseClientRedirect(page)
