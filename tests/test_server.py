"""The web server buffers: slow and many clients hold no thread, and who waited too long is told so."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from portal import server
from portal.web.network import WAITED_SECONDS

THREADS = 2
PATIENCE = 5.0  # on a busy machine; a held thread would wait for its client, which waits for ever
HELD = threading.Event()


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Says how long the request waited, and with /hold waits for HELD."""
    if environ["PATH_INFO"] == "/hold":
        HELD.wait(30)
    body = b"x" * 5_000_000 if environ["PATH_INFO"] == "/large" else str(environ[WAITED_SECONDS]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def port() -> Iterator[int]:
    """A server of two threads for pages, as one process of gunicorn runs it."""
    HELD.clear()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    dispatcher, connections, is_over = ThreadedTaskDispatcher(), {}, threading.Event()
    dispatcher.set_thread_count(THREADS)
    server.serve_on(application, listener, connections, dispatcher, Adjustments(**server.ADJUSTMENTS))

    def move_bytes() -> None:
        while not is_over.is_set():
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)

    loop = threading.Thread(target=move_bytes)
    loop.start()
    yield listener.getsockname()[1]
    HELD.set()
    is_over.set()
    loop.join()
    dispatcher.shutdown(timeout=1)
    wasyncore.close_all(connections)


def get(port: int, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def opened(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(sent)
    return client


UNFINISHED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab"


def test_clients_who_send_or_read_slowly_hold_no_thread(port: int) -> None:
    senders = [opened(port, UNFINISHED) for _ in range(200)]
    headers = [opened(port, b"GET / HTTP/1.1\r\nHo") for _ in range(50)]
    readers = [opened(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]
    began = time.monotonic()
    assert get(port)[0] == 200
    assert time.monotonic() - began < PATIENCE
    for client in [*senders, *headers, *readers]:
        client.close()


def is_closed(client: socket.socket) -> bool:
    """Whether the server closed the connection, if it does within the client's timeout."""
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_request_that_does_not_end_is_cut_off_however_it_drips(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    client = opened(port, UNFINISHED)
    client.settimeout(0.1)
    drops = 0
    while not is_closed(client):
        client.sendall(b"c")
        drops += 1
        assert drops < 98, "the request came to its end"
    assert drops > 1


def test_a_request_knows_how_long_it_waited_for_a_thread(port: int) -> None:
    holders = [opened(port, b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(THREADS)]
    waiting = opened(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    waiting.settimeout(0.3)
    assert not is_closed(waiting)
    HELD.set()
    waiting.settimeout(10)
    assert float(waiting.makefile("rb").read().rpartition(b"\r\n")[2]) >= 0.2
    assert float(get(port)[1]) < 0.2
    for client in holders:
        client.close()
