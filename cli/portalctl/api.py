"""The portal's REST API: requests with a token, problems as exceptions, lists page by page."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds
TIMEOUT = 60.0  # seconds
AGAIN = (429, 503)
LOCAL = ("localhost", "127.0.0.1", "::1")
Pairs = Iterable[tuple[str, str]]


class Unreachable(Exception):
    """The portal cannot be reached, or does not accept the token."""


class NotAccepted(Unreachable):
    """What answers is no portal, or does not accept the token: to try again changes nothing."""


class Problem(Exception):
    """The portal refused a request: `told` is its problem document."""

    def __init__(self, status: int, told: Mapping[str, Any]) -> None:
        self.status, self.told = status, told
        super().__init__(str(told.get("detail") or told.get("title") or f"HTTP {status}"))


class Api:
    """Requests to one portal. `guard` raises for what must not be sent. Tests replace `transport` and `sleep`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        guard: Callable[[httpx.Request], None] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            raise ValueError("PORTAL_URL has to begin with https://, or name this machine.")
        self.sleep = sleep
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "portalctl"},
            timeout=TIMEOUT,
            event_hooks={"request": [guard] if guard else []},
            transport=transport,
        )

    def get(self, path: str, pairs: Pairs = ()) -> Any:
        """The JSON at a path below /api/v1/. Problem, Unreachable."""
        return self._send("GET", path, params=list(pairs)).json()

    def rows(self, path: str, pairs: Pairs, limit: int | None) -> Iterator[dict[str, Any]]:
        """The rows of a list, page by page, at most `limit`."""
        asked, left = list(pairs), limit
        cursor: list[tuple[str, str]] = []
        while left is None or left > 0:
            size = ("page_size", str(min(left or 1000, 1000)))
            answer = self._send("GET", path, params=[*asked, size, *cursor])
            rows = answer.json()["results"]
            yield from rows
            following = answer.json()["next"]
            if following is None:
                return
            cursor = [("cursor", httpx.URL(following).params["cursor"])]
            left = None if left is None else left - len(rows)

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Send a change once, however often it has to be sent. Problem, Unreachable."""
        return self._send("POST", path, json=dict(body), headers={"Idempotency-Key": str(uuid.uuid4())})

    @contextmanager
    def reading(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """An answer as it comes; sent once. Problem, Unreachable."""
        try:
            with self._http.stream(method, path, **options) as answer:
                if answer.is_error:
                    answer.read()
                    _checked(answer)
                yield answer
        except httpx.TransportError as error:
            raise Unreachable(f"The connection to the portal was lost: {error or type(error).__name__}.") from None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS:
                    raise Unreachable(f"The portal cannot be reached: {error or type(error).__name__}.") from None
                self.sleep(2.0 ** (attempt - 1))
                continue
            again_in = answer.headers.get("Retry-After", "") if answer.status_code in AGAIN else ""
            if not again_in.isdigit() or attempt == ATTEMPTS:
                return _checked(answer)
            self.sleep(min(LONGEST_WAIT, float(again_in)))
        raise AssertionError("unreachable")


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer of an endpoint that did what was requested."""
    if not answer.headers.get("Content-Type", "").startswith(("application/json", "application/problem+json")):
        raise NotAccepted(f"Something other than the portal's API answered ({answer.status_code}). Check PORTAL_URL.")
    if answer.is_success:
        return answer
    problem = Problem(answer.status_code, answer.json())
    if answer.status_code == 401:
        raise NotAccepted(f"The portal does not accept the token: {problem}")
    raise problem
