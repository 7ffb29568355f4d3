"""Logs of services and executions: a GET with a logs token, answered by growing text."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

from .connection import Limit, under
from .documents.tokens import Secret
from .log_errors import LogBroken, LogError, LogForbidden, LogGone, LogNotReady, LogRedirected, LogTokenRefused
from .log_hosts import CONNECT_SECONDS, AllowList, Source, guarded_client

ATTEMPTS = 5
FIRST_WAIT = 0.25  # seconds, doubled after each attempt at a starting source
OPEN_SECONDS = 10.0
IDLE_SECONDS = 15 * 60.0

_BY_STATUS: dict[int, type[LogError]] = {
    401: LogTokenRefused,
    403: LogForbidden,
    404: LogGone,
    410: LogGone,
    502: LogNotReady,
    503: LogNotReady,
    504: LogNotReady,
}


class LogStream(Iterator[bytes]):
    """The bytes of a log as they arrive, at most 64 KiB at a time, until its end (StopIteration) or LogBroken.

    Nothing is read ahead, so a slow reader slows down the source. Use it as a context manager; `close()` may be called
    from another thread, where it ends a waiting `next()` as if the log had ended.
    """

    def __init__(self, client: httpx.Client, response: httpx.Response, host: str) -> None:
        self._client, self._response, self._host = client, response, host
        self._limit = Limit()
        self._chunks = response.iter_raw()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> bytes:
        try:
            with under(self._limit):
                return next(self._chunks)
        except (httpx.HTTPError, httpx.StreamError) as error:
            failure = _broken(error, self._host)
        if self._limit.ended:
            raise StopIteration
        raise failure

    def close(self) -> None:
        """Close the connection, whether or not the log has ended."""
        self._limit.end()
        with suppress(RuntimeError, ValueError):  # another thread is reading, and finds the connection closed
            self._response.close()
        self._client.close()


def open_log(
    url: str,
    token: Secret,
    *,
    hosts: AllowList,
    attempts: int = ATTEMPTS,
    idle: float = IDLE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> LogStream:
    """Open the log at `url` (status.logUrl of ServiceStatus and TaskExecutionStatus).

    A starting source is tried up to `attempts` times within about four seconds; redirects are not followed; after
    `idle` seconds without a byte it counts as broken. LogError if it cannot be read.
    """
    source = hosts.source(url)
    client = guarded_client(source)
    try:
        response = _opened(client, source, token, attempts, idle, sleep)
    except BaseException:
        client.close()
        raise
    return LogStream(client, response, source.host)


def _opened(
    client: httpx.Client, source: Source, token: Secret, attempts: int, idle: float, sleep: Callable[[float], None]
) -> httpx.Response:
    """The response; LogError for errors, or after the last attempt."""
    for attempt in itertools.count(1):
        response = _sent(client, source, token, idle)
        failure = _failure(response, source.host)
        if failure is None:
            return response
        response.close()
        if not isinstance(failure, LogNotReady) or attempt >= attempts:
            raise failure
        sleep(FIRST_WAIT * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _sent(client: httpx.Client, source: Source, token: Secret, idle: float) -> httpx.Response:
    headers = {
        "Authorization": f"Bearer {token.reveal()}",
        "Accept": "text/plain, */*;q=0.1",
        "Accept-Encoding": "identity",
        "User-Agent": "environment-portal",
    }
    request = client.build_request(
        "GET", source.url, headers=headers, timeout=httpx.Timeout(CONNECT_SECONDS, read=idle)
    )
    try:
        with under(Limit(OPEN_SECONDS)):
            return client.send(request, stream=True)
    except httpx.HTTPError as error:
        failure = _broken(error, source.host)
    # outside the except: httpx's exception refers to the request, and that to the token
    raise failure


def _failure(response: httpx.Response, host: str) -> LogError | None:
    status = response.status_code
    if status == 200:
        encoding = response.headers.get("content-encoding", "identity")
        return None if encoding == "identity" else LogBroken(f"{host} sent it compressed, which was not requested")
    if 300 <= status < 400:
        return LogRedirected()
    kind = _BY_STATUS.get(status, LogBroken)
    return kind("" if kind is LogGone else f"{host} answered with HTTP {status}")


def _broken(error: httpx.HTTPError | httpx.StreamError, host: str) -> LogBroken:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return LogBroken(f"{host} cannot be reached")
    if isinstance(error, httpx.TimeoutException):
        return LogBroken(f"nothing came from {host} for too long")
    return LogBroken(f"the connection to {host} was lost")
