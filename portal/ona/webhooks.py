"""Webhooks: a POST to an address that somebody typed, under the guard of `log_hosts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from .connection import Limit, under
from .http_errors import retry_after
from .log_hosts import CONNECT_SECONDS, AllowList, guarded_client

LONGEST_ANSWER = 1024  # bytes that are read of it


class NotAnswered(Exception):
    """There was no answer; the message says why, and names nothing but the host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: its status, the first of its text, and the seconds it asks to be left alone for."""

    status: int
    text: str
    retry_after: float | None = None


class Webhook:
    """One receiver, whose connection is used again. A context manager; ForeignHost if its address is not allowed."""

    def __init__(self, url: str, hosts: AllowList) -> None:
        self._source = hosts.source(url)
        self._client = guarded_client(self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def post(self, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
        """Send `body`, and read the beginning of the answer, within so many seconds. NotAnswered, InternalAddress."""
        try:
            with under(Limit(seconds)):
                return self._sent(body, headers, seconds)
        except httpx.HTTPError as error:
            failure = NotAnswered(_why(error, self._source.host, seconds))
        raise failure  # outside the except: httpx's exception refers to the request

    def _sent(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        sent = {"User-Agent": "environment-portal", "Accept-Encoding": "identity", **headers}
        with self._client.stream("POST", self._source.url, content=body, headers=sent, timeout=timeout) as response:
            beginning = b""
            for chunk in response.iter_raw():
                beginning += chunk
                if len(beginning) >= LONGEST_ANSWER:
                    break
        text = beginning[:LONGEST_ANSWER].decode("utf-8", "replace")
        after, date = (response.headers.get(name, "") for name in ("retry-after", "date"))
        return Answer(response.status_code, text, retry_after(after, date, datetime.now(UTC)))


def _why(error: httpx.HTTPError, host: str, seconds: float) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return f"{host} cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} did not answer within {seconds:g} s"
    return f"the connection to {host} was lost before it answered"
