"""`/metrics`, for whoever has PORTAL_METRICS_TOKEN."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from portal.metrics.collector import PortalCollector

# What a proxy adds: behind one on this host, every visitor comes from loopback.
OF_PROXIES = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


@require_GET
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as text: 401 without the token, 404 where none is configured."""
    token = settings.METRICS_TOKEN
    if token and not _has_token(request, token):
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse("Send PORTAL_METRICS_TOKEN as a bearer token.\n", "text/plain", 401, headers=challenge)
    if not token and not (settings.METRICS_ON_LOOPBACK and _is_local(request)):
        raise Http404("Metrics are closed: set PORTAL_METRICS_TOKEN.")
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@cache
def registry() -> CollectorRegistry:
    """The one of this process, without what is true of one process alone."""
    made = CollectorRegistry(auto_describe=False)
    made.register(PortalCollector())
    return made


def _has_token(request: HttpRequest, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(given.strip(), token)


def _is_local(request: HttpRequest) -> bool:
    """Whether it comes from this machine, and through no proxy."""
    if settings.BEHIND_PROXY or any(name in request.headers for name in OF_PROXIES):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
