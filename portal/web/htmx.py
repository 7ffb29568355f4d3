"""One URL, one view, one template: what htmx asks for is a part of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


def htmx_of(request: HttpRequest) -> HtmxDetails | None:
    """What htmx said with this request; None where it did not ask, or the request never passed the middleware."""
    details = getattr(request, "htmx", None)
    return details if isinstance(details, HtmxDetails) and details else None


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx wants a part of the page: not a boosted link, not the restoring of a page from history."""
    details = htmx_of(request)
    return details is not None and not details.boosted and not details.history_restore_request


def render_page(
    request: HttpRequest, page: str, fragment: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render the template `page`, or `fragment` alone where htmx asks for it; both get the same context."""
    return varied(render(request, fragment if is_fragment(request) else page, dict(context or {}), status=status))


def varied(response: HttpResponse) -> HttpResponse:
    """Say that the same address has a page and a part of it, so that no cache takes one for the other."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request", "HX-Boosted"])
    return response
