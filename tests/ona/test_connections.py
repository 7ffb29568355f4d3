"""Against a real server that misbehaves: time limits, resets, cut answers, and where the token goes."""

import json
import logging
import socket
import struct
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from portal.ona import OnaClient, OnaError, errors
from portal.ona.connection import proxy_for
from portal.ona.transport import Transport

from .conftest import TOKEN, Script, Server, http_answer

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"
GOOD = http_answer(json.dumps({"environment": {"id": ID}}).encode())
LIMIT = 0.3


def answer(content: bytes) -> Script:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(content)

    return script


def dribble(head: bytes) -> Script:
    """Sends `head` and then a byte at a time, for ever, each well within httpx's own timeouts."""

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        stop = threading.Event()
        while not stop.wait(0.02):
            connection.sendall(b"x")

    return script


def reset(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def client_of(server: Server, **options: Any) -> OnaClient:
    given = {"requests_per_second": 1000.0, "attempts": 1, "dice": lambda: 0.0}
    return OnaClient.over(Transport(TOKEN, server.base_url, **{**given, **options}))


@pytest.mark.parametrize(
    "script",
    [
        hang,
        dribble(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        dribble(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"),
    ],
    ids=["nothing", "slow headers", "slow body"],
)
def test_no_answer_however_slow_outlasts_the_time_limit(script: Script, server: Server) -> None:
    server.scripts = [script]
    began = time.monotonic()
    with client_of(server, timeout=LIMIT) as client, pytest.raises(errors.Unreachable) as caught:
        client.get_environment(ID)
    assert LIMIT <= time.monotonic() - began < LIMIT + 5
    assert "0.3 s" in caught.value.for_people()
    assert caught.value.outcome_unknown


def test_resets_and_cut_answers_are_survived_by_reads(server: Server) -> None:
    cut = http_answer(b'{"environment":', size=500)

    def cut_off(connection: socket.socket, _: bytes) -> None:
        connection.sendall(cut)
        connection.close()

    server.scripts = [reset, cut_off, answer(http_answer(b'{"environment":')), answer(GOOD)]
    with client_of(server, attempts=4) as client:
        assert str(client.get_environment(ID).document.id) == ID
        assert client.stats.retries == 3


def test_a_reset_write_is_not_sent_again(server: Server) -> None:
    server.scripts = [reset, answer(GOOD)]
    with client_of(server, attempts=5) as client, pytest.raises(errors.Unreachable) as caught:
        client.stop_environment(ID)
    assert caught.value.outcome_unknown
    assert len(server.requests) == 1


def test_a_refused_connection_says_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        OnaClient(TOKEN, f"http://127.0.0.1:{port}", attempts=1) as client,
        pytest.raises(errors.Unreachable) as caught,
    ):
        client.stop_environment(ID)
    assert not caught.value.outcome_unknown
    assert "refused" in caught.value.for_people()


def test_connections_are_kept_and_shared_between_threads(server: Server) -> None:
    server.scripts = [answer(GOOD)]
    with client_of(server) as client:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: client.get_environment(ID), range(100)))
        assert client.stats.requests == 100
        assert client.stats.bytes == 100 * len(GOOD.partition(b"\r\n\r\n")[2])
    assert server.connections <= 4


def test_redirects_are_not_followed_so_the_token_goes_nowhere_else(server: Server) -> None:
    elsewhere = Server()
    elsewhere.scripts = [answer(GOOD)]
    location = elsewhere.base_url.encode()
    moved = b"HTTP/1.1 307 Moved\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    server.scripts = [answer(moved)]
    with client_of(server) as client, pytest.raises(errors.NotOna, match="redirects to another"):
        client.get_environment(ID)
    assert elsewhere.requests == []
    elsewhere.close()


def test_the_token_is_in_no_error_log_or_repr(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    echo = f'{{"code":"internal","message":"saw Bearer {TOKEN}","details":[{{"header":"{TOKEN}"}}]}}'.encode()
    page = f"<pre>Authorization: Bearer {TOKEN}</pre>".encode()
    echoed_id = f"HTTP/1.1 401 No\r\nX-Request-Id: {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()
    scripts = [
        answer(http_answer(echo, status="500 No")),
        answer(http_answer(page, status="502 No", kind="text/html")),
        answer(echoed_id),
        answer(b"HTTP/9 what\r\n\r\n"),
        answer(http_answer(page)),
        reset,
        hang,
    ]
    for logger in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger)
    shown = []
    for script in scripts:
        server.scripts = [script]
        with client_of(server, timeout=LIMIT) as client:
            with pytest.raises(OnaError) as caught:
                client.get_environment(ID)
            error = caught.value
            told = "".join(traceback.format_exception(error))
            shown += [repr(error), str(error), error.for_people(), repr(vars(error)), told, repr(error.__context__)]
            shown += [repr(client), repr(vars(client)), repr(vars(client._transport)), str(client.stats)]
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    # httpcore logs the headers of answers; only what the client sends is its to keep.
    logged = [each.getMessage() for each in caplog.records if "receive_response_headers" not in each.getMessage()]
    assert TOKEN not in "\n".join([*shown, *logged])


def test_errors_lead_to_no_request_and_so_to_no_header(server: Server) -> None:
    for script in (reset, hang, answer(http_answer(b"<html>")), answer(b"HTTP/9 what\r\n\r\n")):
        server.scripts = [script]
        with client_of(server, timeout=LIMIT) as client, pytest.raises(OnaError) as caught:
            client.get_environment(ID)
        assert caught.value.__context__ is None
        with client_of(server) as client, pytest.raises(OnaError) as caught:
            next(client.watch_events(idle=LIMIT))
        assert caught.value.__context__ is None


def test_proxies_of_the_environment_are_used_but_not_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"https_proxy": "http://proxy.example:3128", "no_proxy": "inside.example"}.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.upper(), value)
    assert proxy_for("https://app.ona.com/api", local=False) == "http://proxy.example:3128"
    assert proxy_for("https://ona.inside.example/api", local=False) is None
    assert proxy_for("http://127.0.0.1:1/api", local=True) is None


def test_calls_on_one_connection_each_have_their_own_time_limit(server: Server) -> None:
    turns = count()

    def now_and_then(connection: socket.socket, request: bytes) -> None:
        (hang if next(turns) == 1 else answer(GOOD))(connection, request)

    server.scripts = [now_and_then]
    with client_of(server, timeout=1.0) as client:
        client.get_environment(ID)
        with pytest.raises(errors.Unreachable):
            client.get_environment(ID)
        client.get_environment(ID)


def test_a_proxy_is_under_the_time_limit_too_and_never_sees_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with (
            OnaClient(TOKEN, "https://ona.example/api", timeout=LIMIT, attempts=1) as client,
            pytest.raises(errors.Unreachable),
        ):
            client.get_environment(ID)
        asked = proxy.accept()[0].recv(65536)
    assert asked.startswith(b"CONNECT ona.example:443")
    assert TOKEN.encode() not in asked
