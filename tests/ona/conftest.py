"""A clock that only moves when somebody sleeps, a client over a handler, and a server that misbehaves as told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import hypothesis
import pytest

from portal.ona import OnaClient
from portal.ona.transport import Transport

# A busy machine is not a broken one.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

TOKEN = "canary-token-5f1c0d"
BEGINNING = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """Seconds since a beginning; sleeping moves it at once and is remembered."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds - 1000.0)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds


class MakeClient(Protocol):
    def __call__(self, handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> OnaClient: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client_over(clock: Clock) -> MakeClient:
    """Makes a client whose requests go to a handler, in no real time; the dice always show 0.5."""

    def make(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> OnaClient:
        given: dict[str, Any] = {
            "requests_per_second": 1e9,
            "http": httpx.MockTransport(handler),
            "sleep": clock.sleep,
            "clock": clock,
            "now": clock.now,
            "dice": lambda: 0.5,
        }
        return OnaClient.over(Transport(TOKEN, "https://ona.example/api", **{**given, **options}))

    return make


@pytest.fixture
def example() -> dict[str, Any]:
    """The documentation's GetEnvironment answer, with an id and versions in place of its placeholders."""
    text = (Path(__file__).parent / "data" / "get_environment.json").read_text()
    environment: dict[str, Any] = json.loads(text)["environment"]
    environment["id"] = "07e03a28-65a5-4d98-b532-8ea67b188048"
    environment["spec"]["specVersion"] = "9"
    environment["status"]["statusVersion"] = "18446744073709551615"
    environment["status"]["runnerAck"]["specVersion"] = "8"
    return environment


Script = Callable[[socket.socket, bytes], None]


class Server:
    """Accepts connections on loopback; each request on them is answered by the next script, the last one for ever."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api"
        self.scripts: list[Script] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while request := self._read_request(connection):
                self.requests.append(request)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                script(connection, request)
        except OSError:
            return
        finally:
            connection.close()

    def _read_request(self, connection: socket.socket) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            chunk = connection.recv(65536)
            if not chunk:
                return b""
            request += chunk
        head, _, body = request.partition(b"\r\n\r\n")
        sizes = (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        size = next(sizes, 0)
        while len(body) < size:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()


def http_answer(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", size: int | None = None
) -> bytes:
    length = len(body) if size is None else size
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode() + body


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()
