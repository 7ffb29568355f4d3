"""Reading logs: from where, how patiently, and what an error tells."""

import socket
import traceback
from typing import Any, Protocol

import pytest

from portal.ona.documents.tokens import Secret
from portal.ona.log_errors import (
    ForeignHost,
    InternalAddress,
    LogBroken,
    LogError,
    LogForbidden,
    LogGone,
    LogNotReady,
    LogRedirected,
    LogTokenRefused,
)
from portal.ona.log_hosts import AllowList, allow_list
from portal.ona.logs import open_log

from .conftest import Script, Server

TOKEN = Secret("ona_logs_canary")
TOLD = "https://0b7d--logs.env.acme.example/logs"
LISTED = allow_list(["logs.acme.example"], told=[TOLD], base_url="https://app.ona.com/api")

HOSTILE = [
    "http://logs.acme.example/x",
    "ftp://logs.acme.example/x",
    "file:///etc/passwd",
    "//logs.acme.example/x",
    "/x",
    "",
    "https://",
    "https:///x",
    "https://logs.acme.example:8443/x",
    "https://logs.acme.example:0/x",
    "https://logs.acme.example:99999/x",
    "https://user@logs.acme.example/x",
    "https://logs.acme.example@evil.example/x",
    "https://evil.example/logs.acme.example",
    "https://evil.example#@logs.acme.example/",
    "https://evil.example\\@logs.acme.example/",
    "https://evil.example?.logs.acme.example",
    "https://logs.acme.example.evil.example/",
    "https://notlogs.acme.example/",
    "https://acme.example/",
    "https://other--logs.env.acme.example/logs",
    "https://x.0b7d--logs.env.acme.example/logs",
    "https://logs.acme.example./x",
    "https://logs.acme.example%2eevil.example/",
    "https://logs.acme.example\t.evil.example/",
    "https://logs.acme.example\n/x",
    "https://logs.acme.example/a b",
    "https://logs.acme.example/<script>",
    "https://ｌogs.acme.example/",
    "https://logs。acme.example/",
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://0177.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::1%25eth0]/x",
    "https://[/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://localhost/x",
    "https://metadata/x",
    "https://app.ona.com/api",
    "https://logs.acme.example/" + "x" * 3000,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_addresses_that_the_list_does_not_cover_are_foreign(url: str) -> None:
    with pytest.raises(ForeignHost):
        LISTED.source(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://logs.acme.example/x?y=1", "logs.acme.example"),
        ("https://eu.logs.acme.example:443/x", "eu.logs.acme.example"),
        ("HTTPS://LOGS.acme.example", "logs.acme.example"),
        ("https://0b7d--logs.env.acme.example/service/1", "0b7d--logs.env.acme.example"),
    ],
)
def test_domains_with_all_beneath_them_and_told_hosts_exactly_are_covered(url: str, host: str) -> None:
    source = LISTED.source(url)
    assert source.host == host
    assert not source.may_be_internal


def test_only_an_origin_named_in_full_may_be_internal_or_have_another_port() -> None:
    hosts = allow_list(["https://10.0.0.7:8443"], base_url="http://127.0.0.1:8001/api")
    assert hosts.source("https://10.0.0.7:8443/x").may_be_internal
    assert hosts.source("http://127.0.0.1:8001/logs/x").may_be_internal
    for url in ("https://10.0.0.7/x", "http://10.0.0.7:8443/x", "http://127.0.0.1:8002/", "http://localhost:8001/"):
        with pytest.raises(ForeignHost):
            hosts.source(url)


def test_a_real_ona_is_not_itself_a_source_of_logs() -> None:
    assert allow_list([], base_url="https://app.ona.com/api") == AllowList()


@pytest.mark.parametrize("entry", ["*", "com", "logs acme", "10.0.0.7", "http://10.0.0.7", "https://a.example/path"])
def test_configuration_that_means_nothing_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ValueError, match=r"neither|not an"):
        allow_list([entry])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1", "::"],
)  # fmt: skip
def test_a_host_that_leads_to_an_internal_address_is_refused_before_anything_is_sent(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [_info("93.184.216.34"), _info(address)])
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: connected.append(args))
    with pytest.raises(InternalAddress):
        open_log("https://logs.acme.example/x", TOKEN, hosts=LISTED)
    assert connected == []


def test_what_was_looked_up_and_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    connected: list[tuple[str, int]] = []

    def look(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [_info("93.184.216.34" if len(asked) == 1 else "127.0.0.1")]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(LogBroken, match="cannot be reached"):
        open_log("https://logs.acme.example/x", TOKEN, hosts=LISTED)
    assert asked == ["logs.acme.example"]
    assert connected == [("93.184.216.34", 443)]


def _info(address: str) -> tuple[object, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))


# Against a real server on this machine, which the list names by its origin.


class Serve(Protocol):
    def __call__(self, *scripts: Script) -> Server: ...


@pytest.fixture
def serve(server: Server) -> Serve:
    def serving(*scripts: Script) -> Server:
        server.scripts = list(scripts)
        return server

    return serving


def plain(text: bytes, status: str = "200 OK", *headers: str) -> Script:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", "Connection: close", *headers])

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head.encode() + b"\r\n\r\n" + text)

    return script


def read(server: Server, **options: Any) -> bytes:
    waits: list[float] = []
    hosts = allow_list([], base_url=server.base_url)
    with open_log(f"{server.base_url}/log", TOKEN, hosts=hosts, sleep=waits.append, **options) as log:
        return b"".join(log)


def test_a_log_is_read_to_its_end(serve: Serve) -> None:
    server = serve(plain("héllo\n".encode()))
    assert read(server) == "héllo\n".encode()
    request = server.requests[0].decode().lower()
    assert "authorization: bearer ona_logs_canary" in request
    assert "accept-encoding: identity" in request


def test_a_source_that_is_starting_is_asked_again(serve: Serve) -> None:
    server = serve(plain(b"", "502 Bad Gateway"), plain(b"", "503 Service Unavailable"), plain(b"at last"))
    assert read(server) == b"at last"


def test_patience_with_a_source_that_never_starts_ends(serve: Serve) -> None:
    server = serve(*[plain(b"", "502 Bad Gateway")] * 5)
    with pytest.raises(LogNotReady):
        read(server)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("status", "error"),
    [("401 Unauthorized", LogTokenRefused), ("403 Forbidden", LogForbidden), ("404 Not Found", LogGone),
     ("410 Gone", LogGone), ("500 Oh", LogBroken), ("204 No Content", LogBroken), ("429 Slow", LogBroken)],
)  # fmt: skip
def test_refusals_are_told_apart(serve: Serve, status: str, error: type[LogError]) -> None:
    with pytest.raises(error) as caught:
        read(serve(plain(TOKEN.reveal().encode(), status)))
    assert type(caught.value) is error
    told = "".join(traceback.format_exception(caught.value)) + caught.value.for_people()
    assert TOKEN.reveal() not in told


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(serve: Serve, status: str) -> None:
    server = serve(plain(b"", status, "Location: /elsewhere"), plain(b"secret"))
    with pytest.raises(LogRedirected):
        read(server)
    assert len(server.requests) == 1


def test_a_compressed_answer_is_not_shown(serve: Serve) -> None:
    with pytest.raises(LogBroken, match="compressed"):
        read(serve(plain(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip")))


def test_a_log_that_breaks_off_says_so_after_what_came(serve: Serve) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf of it")
        connection.shutdown(socket.SHUT_RDWR)

    server = serve(script)
    with open_log(f"{server.base_url}/log", TOKEN, hosts=allow_list([], base_url=server.base_url)) as log:
        assert next(log) == b"half of it"
        with pytest.raises(LogBroken, match="lost") as caught:
            next(log)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_silence_has_an_end(serve: Serve) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
        connection.recv(1)  # until the client leaves

    server = serve(script)
    hosts = allow_list([], base_url=server.base_url)
    with open_log(f"{server.base_url}/log", TOKEN, hosts=hosts, idle=0.1) as log:
        assert next(log) == b"half"
        with pytest.raises(LogBroken, match="too long"):
            next(log)


def test_nobody_listening_is_a_broken_log() -> None:
    with pytest.raises(LogBroken, match="cannot be reached"):
        open_log("http://127.0.0.1:9/x", TOKEN, hosts=allow_list([], base_url="http://127.0.0.1:9"))
