"""Answers `/live/` before Django sees it: sessions, users and a chain of middleware cost twenty times as much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.db import Error, connection
from django.http import Http404

from portal.live.tokens import tokens

PATH = "/live/"
KNOWN = "portal.live.token"  # in the environ: the web server has found the token already
HEADERS = [("Cache-Control", "private, no-store"), ("X-Content-Type-Options", "nosniff")]
Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def with_shortcut(application: Application) -> Application:
    """`application`, but for the news of readers whose permissions it has checked lately."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "GET":
            return application(environ, start_response)
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        token = environ.get(KNOWN) or _token(environ.get("HTTP_COOKIE", ""), asked.get("about", [""])[-1])
        if token is None:
            return application(environ, start_response)
        if token in asked.get("seen", ()):
            # Waitress then closes the connection: to look over hundreds of open ones costs more than to accept them
            start_response("204 No Content", HEADERS)
            return []
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), *HEADERS])
        return [token.encode()]

    return answer


@dataclass(frozen=True, slots=True)
class Wait:
    """A page that waits for another token than it has `seen`, until a time (monotonic)."""

    about: str
    seen: str
    until: float
    make: Callable[[], str]

    @property
    def is_over(self) -> bool:
        """Whether it is to be answered."""
        has_come = tokens.newest(self.about) not in (None, self.seen)
        return has_come or tokens.is_blind or time.monotonic() >= self.until


def wait_for(method: str, path: str, query: str, reader: str) -> Wait | None:
    """What this request waits for; None if it does not ask to, or is to be answered now."""
    if path != PATH or method != "GET":
        return None
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    about, seen = asked.get("about", ""), asked.get("seen", "")
    held = tokens.hold(reader, about, seen) if "wait" in asked else None
    return Wait(about, seen, *held) if held else None


def known(method: str, path: str, query: str, reader: str) -> str | None:
    """The token that answers this request, if it is known without waiting for anything."""
    if path != PATH or method != "GET":
        return None
    return tokens.known(reader, parse_qs(query).get("about", [""])[-1])


def _token(reader: str, about: str) -> str | None:
    try:
        return tokens.token_for(reader, about)
    except (Error, Http404, ValueError):
        return None  # the view tells what is wrong
    finally:
        connection.close()  # back to the pool, as at the end of a request
