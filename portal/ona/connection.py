"""Connections to Ona: allowed targets, the proxy, and a time limit for each call."""

import ipaddress
import math
import socket
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from .documents.tokens import Secret

CONNECTIONS = 32
IDLE_SECONDS = 30.0
UNUSABLE = "the token is empty or holds characters no token has: set ONA_API_KEY, or PORTAL_ONA_TOKEN_FILE"


def checked_base_url(base_url: str) -> tuple[str, bool]:
    """`base_url` without trailing slash, and whether it is this machine. ValueError, without quoting it."""
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or not base_url.isprintable():
        raise ValueError("the base URL is not an address; it should look like https://app.ona.com/api")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the base URL must hold no user name, password, query or fragment")
    local = _is_loopback(host)
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise ValueError(
            "the base URL must begin with https:// (http:// only on this machine): the token travels with it"
        )
    return base_url.strip().rstrip("/"), local


def checked_token(token: str) -> Secret:
    """`token` without surrounding blanks; ValueError, without quoting it, if no header can carry it."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            "the token is empty or holds characters no token has: set ONA_API_KEY or PORTAL_ONA_TOKEN_FILE"
        )
    return Secret(token)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_for(base_url: str, *, local: bool) -> str | None:
    """The proxy from the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY); none to this machine."""
    host = urlsplit(base_url).hostname or ""
    if local or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all")


class Limit:
    """The time limit of a call in seconds (None: only httpx's limits); `end()` ends it at once."""

    def __init__(self, seconds: float | None = None) -> None:
        self._ends_at = math.inf if seconds is None else time.monotonic() + seconds
        self._stream: httpcore.NetworkStream | None = None
        self.ended = False

    def end(self) -> None:
        """End the call, from any thread: one waiting for the network wakes up and fails."""
        self.ended = True
        if self._stream is not None:
            with suppress(OSError):
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def allow(self, stream: httpcore.NetworkStream, timeout: float | None, late: type[Exception]) -> float | None:
        """The timeout of the next step on `stream`; raises `late` if no time is left."""
        self._stream = stream
        if self.ended:
            raise httpcore.ReadError("the call was ended")
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise late("the time limit of the call is over")
        return timeout if left == math.inf else min(left, math.inf if timeout is None else timeout)


_limit: ContextVar[Limit] = ContextVar("_limit")


@contextmanager
def under(limit: Limit) -> Iterator[None]:
    """Apply `limit` to this thread's network use."""
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


class _Stream(httpcore.NetworkStream):
    """A connection with the thread's limit on every step, however slowly bytes arrive."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _limit.get().allow(self._stream, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _limit.get().allow(self._stream, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = _limit.get().allow(self._stream, timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Backend(httpcore.SyncBackend):
    """Opens connections under a Limit."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


@cache
def _trusted() -> SSLContext:
    """The trusted certificates; cached, since reading them takes longer than a call."""
    return httpx.create_ssl_context()


def pooled(proxy: str | None, backend: Backend | None = None) -> httpx.HTTPTransport:
    """httpx's connection pool (HTTP/1.1) under a Limit, over `backend`."""
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS
    )
    transport = httpx.HTTPTransport(verify=_trusted(), limits=limits, proxy=proxy)
    # httpx's timeouts are per read, and it has no public way to give httpcore a network backend.
    transport._pool._network_backend = backend or Backend()
    return transport
