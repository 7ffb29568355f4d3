"""Middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_cache_control
from django_structlog.middlewares import RequestMiddleware

from portal.web import outages
from portal.web.network import WAITED_SECONDS, client_address
from portal.web.permissions import to_sign_in


class SignInRequired(LoginRequiredMiddleware):
    """Require a signed-in user unless a view is marked `login_not_required`; htmx is sent to the sign-in page as a
    whole.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Redirect signed-out visitors; None lets the request through."""
        if not getattr(view_func, "login_required", True):
            return None  # before the user is loaded: /healthz must not need the database
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        return None if refused is None else to_sign_in(request)


class RefusedWhenBusy:
    """Answer "busy" to requests that waited too long for a thread, so that the others need not wait as long.

    Static files and the health checks are answered all the same.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Make the page, or refuse to."""
        if request.META.get(WAITED_SECONDS, 0) > settings.BUSY_SECONDS and request.path not in ("/healthz", "/readyz"):
            return outages.answer(request, outages.BUSY)
        return self.get_response(request)


class CompressedPages(GZipMiddleware):
    """Compress pages; files and logs leave as they are written, which buffers of a compressor would delay.

    Nothing on a page is secret and the same on each visit: CSRF tokens are masked anew (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)


class PrivatePages:
    """Forbid caching for signed-in users, so that Back after signing out shows nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the header to responses without one."""
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response


class RequestLog(RequestMiddleware):
    """Log one line per request without its query, which may hold a one-time token or search words."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path."""
        return f"{request.method} {request.path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The same address that sign-in throttling uses."""
        structlog.contextvars.bind_contextvars(ip=client_address(request))

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """The user, if a view has loaded it: a log line must neither cost a query nor fail with the database."""
        user = getattr(request, "_cached_user", None)  # set by django.contrib.auth once loaded
        if user is not None:
            structlog.contextvars.bind_contextvars(user_id=user.pk)
