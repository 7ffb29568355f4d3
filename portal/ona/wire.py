"""The connection to Ona: where it may go, through which proxy, and that no call outlasts its time limit."""

import ipaddress
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from .documents.grants import Secret

CONNECTIONS = 32
IDLE_SECONDS = 30.0

_ends_at: ContextVar[float | None] = ContextVar("_ends_at", default=None)


def checked_base_url(base_url: str) -> tuple[str, bool]:
    """`base_url` without a trailing slash, and whether it is this machine. ValueError says what is wrong, unquoted."""
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
    """`token` without surrounding blanks; ValueError, not quoting it, where no header can carry it."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the token is empty or holds characters no token has: set ONA_API_KEY")
    return Secret(token)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_for(base_url: str, *, local: bool) -> str | None:
    """The proxy of the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY); none on the way to this machine."""
    host = urlsplit(base_url).hostname or ""
    if local or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all")


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Inside, everything this thread does on the wire ends after `seconds` (None: only httpx's own limits hold)."""
    token = _ends_at.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(timeout: float | None) -> float | None:
    """The shorter of `timeout` and what is left of the time limit; the socket wants it above 0."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return timeout
    left = max(ends_at - time.monotonic(), 0.001)
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends with the time limit, however slowly bytes come."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        _refuse_if_over(httpcore.ReadTimeout)
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _refuse_if_over(httpcore.WriteTimeout)
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _refuse_if_over(kind: type[Exception]) -> None:
    ends_at = _ends_at.get()
    if ends_at is not None and time.monotonic() >= ends_at:
        raise kind("the time limit of the call is over")


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _left(timeout), local_address, socket_options))


def pooled(proxy: str | None) -> httpx.HTTPTransport:
    """httpx's pool of connections (HTTP/1.1), under `time_limit`."""
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS
    )
    transport = httpx.HTTPTransport(limits=limits, proxy=proxy)
    # httpx's timeouts are per read, and it has no public way to give httpcore a network backend.
    transport._pool._network_backend = _Backend()
    return transport
