"""The hosts that logs may be read from, and that webhooks may be sent to. Ona's documents contain the URLs of logs, and
environments can influence those; people type the URLs of webhooks.

A URL is accepted if its host is on the list, it is plain https, and every address of the host is public. Origins named
in the portal's configuration, such as a stand-in Ona on this machine, are trusted: there http, any port and internal
addresses are the administrator's choice.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from queue import Empty, Queue
from threading import Thread
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from .connection import Backend, pooled, proxy_for
from .log_errors import ForeignHost, InternalAddress

CONNECT_SECONDS = 5.0
LONGEST_ADDRESS = 2048
PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: numbers may be read as IP addresses.
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_PLAIN = re.compile(r"[!#-&(-;=?-\[\]_a-z~]*")  # printable ASCII without blanks, quotes, \\ and < > ^ ` { | }
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Source:
    """An accepted URL; `may_be_internal` if the configuration names this very origin."""

    url: str
    host: str
    may_be_internal: bool = False


@dataclass(frozen=True, slots=True)
class AllowList:
    """Exact hosts, domains with their subdomains, and origins (scheme, host, port) trusted by configuration; with
    `every_host` any public host besides those origins.
    """

    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    origins: frozenset[tuple[str, str, int]] = frozenset()
    every_host: bool = False

    def source(self, url: str) -> Source:
        """The normalized URL; ForeignHost if it is not on the list."""
        parts = _parsed(url)
        origin = _origin(parts)
        host = origin[1]
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        shown = f"[{host}]" if ":" in host else host
        if origin in self.origins:
            return Source(f"{origin[0]}://{shown}:{origin[2]}{path}", host, may_be_internal=True)
        if origin[0] != "https" or origin[2] != PORTS["https"] or not _NAME.fullmatch(host):
            raise ForeignHost("its address is not plain https to a host by name")
        if not self._covers(host):
            raise ForeignHost(f"{host} is not a host that logs may come from")
        return Source(f"https://{host}{path}", host)

    def _covers(self, host: str) -> bool:
        of_domain = any(host == each or host.endswith(f".{each}") for each in self.domains)
        return self.every_host or host in self.hosts or of_domain


def allow_list(configured: Iterable[str], *, told: Iterable[str] = (), base_url: str = "") -> AllowList:
    """Build the list from configuration (`logs.example.com`, `https://10.0.0.7:8443`) and URLs from Ona.

    The API's own origin is included if it is this machine. ValueError names invalid configuration.
    """
    entries = [each.strip().lower().rstrip("/") for each in configured if each.strip()]
    origins = {_configured_origin(each) for each in entries if "://" in each}
    domains = {each.removeprefix(".") for each in entries if "://" not in each}
    if wrong := [each for each in domains if not _NAME.fullmatch(each)]:
        raise ValueError(f"neither a domain nor an origin such as https://logs.example.com:8443: {wrong[0]!r}")
    if base_url and (local := _local_origin(base_url)):
        origins.add(local)
    return AllowList(frozenset(filter(None, map(_told_host, told))), frozenset(domains), frozenset(origins))


def public_hosts(configured: Iterable[str]) -> AllowList:
    """Every public host, and these origins. ValueError names invalid configuration."""
    return replace(allow_list(configured), every_host=True)


def guarded_client(source: Source) -> httpx.Client:
    """A client for one source: it follows no redirects and, unless configured, connects to public addresses alone."""
    # A proxy resolves the name itself and decides where it connects to.
    proxy = proxy_for(source.url, local=source.may_be_internal)
    backend = None if proxy or source.may_be_internal else CheckedBackend(CONNECT_SECONDS)
    return httpx.Client(transport=pooled(proxy, backend), follow_redirects=False, trust_env=False)


def _parsed(url: str) -> SplitResult:
    if (
        len(url) > LONGEST_ADDRESS
        or not url.isascii()
        or not url.isprintable()
        or any(c in " \\<>\"'`{}|^" for c in url)
    ):
        raise ForeignHost("its address holds characters that none should, or is too long")
    try:
        parts = urlsplit(url)
        known = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or "@" in parts.netloc or "%" in parts.netloc or parts.fragment:
        raise ForeignHost("its address is none, or holds a user name or a fragment")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]


def _configured_origin(entry: str) -> tuple[str, str, int]:
    try:
        parts = _parsed(entry)
    except ForeignHost:
        raise ValueError(f"not an origin such as https://logs.example.com:8443: {entry!r}") from None
    if parts.path or parts.query or (parts.scheme == "http" and not _is_loopback(parts.hostname or "")):
        raise ValueError(f"not an https origin without a path: {entry!r}")
    return _origin(parts)


def _told_host(url: str) -> str:
    """The host of a URL from Ona; "" if logs may not come from it."""
    try:
        scheme, host, port = _origin(_parsed(url))
    except ForeignHost:
        return ""
    return host if (scheme, port) == ("https", PORTS["https"]) and _NAME.fullmatch(host) else ""


def _local_origin(base_url: str) -> tuple[str, str, int] | None:
    try:
        origin = _origin(_parsed(base_url))
    except ForeignHost:
        return None
    return origin if _is_loopback(origin[1]) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_public(address: Address) -> bool:
    """Whether an address is public, including embedded ones (IPv4 mapped, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(carried)
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special


class CheckedBackend(Backend):
    """Connects only to public addresses; the name is resolved once, so that the checked address is the one connected
    to.
    """

    def __init__(self, lookup_seconds: float) -> None:
        super().__init__()
        self._lookup_seconds = lookup_seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore's own; InternalAddress if any address of the name is not public."""
        addresses = looked_up(host, port, self._lookup_seconds)
        if not all(is_public(ipaddress.ip_address(each.partition("%")[0])) for each in addresses):
            raise InternalAddress(f"{host} leads to an internal address")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for each in addresses[:3]:
            try:
                return super().connect_tcp(each, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def looked_up(host: str, port: int, seconds: float) -> list[str]:
    """Resolve a name; httpcore.ConnectTimeout if that takes longer than `seconds`."""
    answer: Queue[list[str] | None] = Queue(1)

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            answer.put(None)
        else:
            answer.put(list(dict.fromkeys(str(each[4][0]) for each in found)))

    # The resolver has no timeout; the thread that waits for it holds nothing else.
    Thread(target=look, name="log-host", daemon=True).start()
    try:
        addresses = answer.get(timeout=seconds)
    except Empty:
        raise httpcore.ConnectTimeout(f"{host} could not be looked up in {seconds:g} s") from None
    if not addresses:
        raise httpcore.ConnectError(f"{host} has no address")
    return addresses
