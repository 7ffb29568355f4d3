"""What the web server tells of a request: the client's address, and how long it waited."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

WAITED_SECONDS = "portal.waited_seconds"  # in the WSGI environ, by portal.server


def client_address(request: HttpRequest) -> str | None:
    """The address of the client; None if unknown (AXES_CLIENT_IP_CALLABLE).

    Behind a proxy it is the last entry of X-Forwarded-For, which our own proxy wrote; earlier entries are sent by the
    client. Without a proxy the header is ignored.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip() or address
    try:
        return str(ip_address(address))
    except ValueError:
        return None
