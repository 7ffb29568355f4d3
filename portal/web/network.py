"""What the web server tells of a request: the client's address and browser, and how long it waited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

LONGEST_BROWSER = 300  # characters
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


def client_browser(request: HttpRequest) -> str:
    """What the client calls itself (User-Agent), cut; it may be anything."""
    return request.headers.get("User-Agent", "").replace("\0", "\ufffd")[:LONGEST_BROWSER]


# the first that matches: browsers name those that they descend from, too
BROWSERS = {
    "Edge": r"Edg(?:e|A|iOS)?/(\d+)", "Opera": r"OPR/(\d+)", "Firefox": r"(?:Firefox|FxiOS)/(\d+)",
    "Chrome": r"(?:Headless)?(?:Chrome|CriOS)/(\d+)", "Safari": r"Version/(\d+).* Safari/",
}  # fmt: skip
SYSTEMS = {
    "Android": "Android",
    "iOS": "iPhone|iPad",
    "Windows": "Windows",
    "macOS": "Mac OS X|Macintosh",
    "Linux": "Linux",
}


def browser_words(agent: str) -> str:
    """ "Firefox 132 on Linux" of what a client called itself; else that itself."""
    found = ((name, re.search(pattern, agent)) for name, pattern in BROWSERS.items())
    browser = next((f"{name} {match[1]}" for name, match in found if match), "")
    system = next((name for name, pattern in SYSTEMS.items() if re.search(pattern, agent)), "")
    return f"{browser} on {system}" if browser and system else browser or agent


_CURRENT: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


def current_request() -> HttpRequest | None:
    """The request that is being answered; None in commands and jobs."""
    return _CURRENT.get()


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Make it the current one."""
    before = _CURRENT.set(request)
    try:
        yield
    finally:
        _CURRENT.reset(before)
