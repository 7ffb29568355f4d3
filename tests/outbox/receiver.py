"""A receiver of webhooks on loopback, which misbehaves as told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

OK, CLOSE, SILENT = 200, "close", "silent"


@dataclass
class Received:
    """One request: its id, what it tells, and how it was answered."""

    identity: str
    event: dict[str, Any]
    body: bytes
    headers: dict[str, str]
    answered: object = None

    def verify(self, secret: str) -> None:
        """As a receiver does; WebhookVerificationError."""
        Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Answers by its script, one entry for each request, and with 200 after that. `got` are all requests, in order.

    An entry is a status, a status with headers, CLOSE (no answer) or SILENT (none before `let_go` is set).
    """

    url: str = ""
    got: list[Received] = field(default_factory=list)
    script: deque[Any] = field(default_factory=deque)
    text: str = "thanks"
    let_go: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/hook")

    def wait_for(self, number: int, seconds: float = 20) -> bool:
        """Until so many requests arrived in all."""
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.got) >= number, seconds)

    def add(self, received: Received) -> Any:
        with self.arrived:
            self.got.append(received)
            received.answered = self.script.popleft() if self.script else OK
            self.arrived.notify_all()
        return received.answered


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            entry = receiver.add(Received(headers["webhook-id"], json.loads(body), body, headers))
            if entry == SILENT:
                receiver.let_go.wait(20)
            if entry in (CLOSE, SILENT):
                self.close_connection = True
                return
            status, more = entry if isinstance(entry, tuple) else (entry, {})
            text = receiver.text.encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        server.shutdown()
        server.server_close()
