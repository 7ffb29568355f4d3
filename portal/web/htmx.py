"""One URL, one view, one template: htmx requests a part of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


def htmx_of(request: HttpRequest) -> HtmxDetails | None:
    """The htmx details of a request; None without htmx or its middleware."""
    details = getattr(request, "htmx", None)
    return details if isinstance(details, HtmxDetails) and details else None


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx requests a part of the page: not a boosted link, not a history restore."""
    details = htmx_of(request)
    return details is not None and not details.boosted and not details.history_restore_request


def render_page(
    request: HttpRequest, page: str, fragment: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render the template `page`, or only `fragment` for htmx; both get the same context."""
    return varied(render(request, fragment if is_fragment(request) else page, dict(context or {}), status=status))


def varied(response: HttpResponse) -> HttpResponse:
    """Mark a response as varying, so that caches do not confuse a page with its part."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request", "HX-Boosted"])
    return response
