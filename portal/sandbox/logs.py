"""Where logs stream from: `GET /logs/<environment>/<service|task-execution>/<id>` with a logs token as bearer.

`/logs/<environment>/logs` is the environment's own log, `/logs/<environment>/support-bundle` an archive of it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitpod.v1 import environment_pb2

from portal.sandbox import log_text, tokens
from portal.sandbox.documents import Document
from portal.sandbox.faults import reset
from portal.sandbox.organization import DOMAIN
from portal.sandbox.services.common import Answer
from portal.sandbox.world import World

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/logs/"
_RPCS = ("EnvironmentAutomationService/", "EnvironmentService/GetEnvironment")
_OWN = ("logs", "support-bundle")
_UP = ("_STARTING", "_RUNNING", "_UPDATING")
_KINDS = {"service": "SERVICE", "task-execution": "TASK_EXECUTION"}
_ADDRESS = re.compile(rf"https://([0-9a-f-]{{36}})--(?:logs|ops)\.env\.{re.escape(DOMAIN)}/")
_WRITTEN = re.compile(rb'("(?:logUrl|logs|supportBundle)":")' + _ADDRESS.pattern.encode())
_LOOK_SECONDS = 0.05
_CHUNK = 256 * 1024
_LINE = b"[INFO] 0123456789 the quick brown fox jumps over the lazy dog 0123456789 0123456789 .\n"


@dataclass(frozen=True, slots=True)
class LogScript:
    """A log's behaviour in place of its invented text; plain text of `body`, then its end, unless…"""

    body: bytes = b""
    size: int = 0  # …this many bytes of the same line follow
    is_endless: bool = False  # …nothing ends it: it waits, or repeats itself where `size` is not 0
    status: int = 200
    location: str = ""
    warming: int = 0  # the number of requests that are answered 502 first
    dies: bool = False  # the connection is reset where the end would be
    pause: float = 0.0  # real seconds after each chunk


class Logs:
    """The logs of one served world. `origin` is where they are served (`http://127.0.0.1:8001`); "": not at all.

    `scripts[id]` makes the log of a service or execution do something of its own; `open` counts those being read.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.origin = ""
        self.warming = 2
        self.scripts: dict[str, LogScript] = {}
        self.requests: Counter[str] = Counter()
        self.open = 0
        self._since: dict[tuple[str, str], int] = {}
        self._closed = False

    # Addresses in the answered documents

    def with_addresses(self, rpc: str, payload: bytes) -> bytes:
        """A JSON answer with the addresses of logs leading here."""
        if not self.origin or not rpc.startswith(_RPCS):
            return payload
        return _WRITTEN.sub(rb"\1" + f"{self.origin}{PREFIX}".encode() + rb"\2/", payload)

    async def intercept_unary(
        self,
        call_next: "Callable[[Any, RequestContext[Any, Any]], Awaitable[Answer]]",
        request: Any,
        ctx: "RequestContext[Any, Any]",
    ) -> Answer:
        """The same for the vendor's stubs."""
        message = await call_next(request, ctx)
        for name in ("service", "task_execution"):
            if self.origin and name in message.DESCRIPTOR.fields_by_name and message.HasField(name):
                self._set_address(getattr(message, name))
        for name in ("services", "task_executions"):
            for each in getattr(message, name, ()) if self.origin else ():
                self._set_address(each)
        if self.origin and isinstance(message, environment_pb2.GetEnvironmentResponse):
            urls = message.environment.status.environment_urls
            for name in ("logs", "support_bundle"):
                if address := getattr(urls, name):
                    setattr(urls, name, self._here(address))
        return message

    def _set_address(self, message: Any) -> None:
        message.status.log_url = self._here(message.status.log_url)

    def _here(self, url: str) -> str:
        return _ADDRESS.sub(rf"{self.origin}{PREFIX}\1/", url)

    # Serving

    def close(self) -> None:
        """End what is being read."""
        self._closed = True

    async def serve(self, path: str, method: str, authorization: str, receive: Receive, send: Send) -> None:
        """Answer one request."""
        environment, _, rest = path.removeprefix(PREFIX).partition("/")
        kind, _, identifier = rest.partition("/")
        identifier = identifier or environment
        script = self.scripts.get(identifier)
        status = self._status(environment, kind, identifier, authorization, script)
        if method != "GET":
            status = 405
        if status != 200:
            extra = [(b"location", script.location.encode())] if script and script.location else []
            await _start(send, status, extra)
            await send({"type": "http.response.body", "body": f"{status}\n".encode()})
            return
        await _start(send, 200, [])
        left = asyncio.create_task(_left(receive))
        self.open += 1
        try:
            await self._stream(_KINDS.get(kind, kind), identifier, script, left, send)
        finally:
            self.open -= 1
            left.cancel()

    def _status(
        self, environment: str, kind: str, identifier: str, authorization: str, script: LogScript | None
    ) -> int:
        token = authorization.removeprefix("Bearer ")
        if not tokens.is_known(self._world, token):
            return 401
        if not tokens.is_valid(self._world, token, environment):
            return 403
        if script and script.status != 200:
            return script.status
        document = self._own(kind, identifier) if kind in _OWN else self._document(_KINDS.get(kind, ""), identifier)
        if document is None or _environment(document) != environment:
            return 404
        self.requests[identifier] += 1
        return 502 if self.requests[identifier] <= (script.warming if script else self.warming) else 200

    def _document(self, kind: str, identifier: str) -> Document | None:
        entry = self._world.table(kind).entries.get(identifier) if kind else None
        return entry.document() if entry else None

    def _own(self, kind: str, identifier: str) -> Document | None:
        """An environment whose machine tells what is wanted of it; None where none runs."""
        entry = self._world.environments.entries.get(identifier)
        document = entry.document() if entry else None
        urls = document["status"].get("environmentUrls") or {} if document else {}
        is_up = document is not None and document["status"].get("phase", "").endswith(_UP)
        return document if is_up and urls.get("logs" if kind == "logs" else "supportBundle") else None

    async def _stream(
        self, kind: str, identifier: str, script: LogScript | None, left: "asyncio.Task[None]", send: Send
    ) -> None:
        chunks = _scripted(script) if script else self._growing(kind, identifier)
        async for chunk in chunks:
            if left.done() or self._closed:
                return
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0 if chunk else _LOOK_SECONDS)
        if script and script.dies:
            await asyncio.sleep(_LOOK_SECONDS)  # what was sent arrives before the reset
            reset(send)
            return
        await send({"type": "http.response.body", "body": b""})

    async def _growing(self, kind: str, identifier: str) -> AsyncIterator[bytes]:
        """The log from its beginning; b"" while there is nothing new."""
        sent, is_over = 0, False
        while not is_over:
            lines, is_over = self._lines(kind, identifier, sent)
            sent += len(lines)
            yield "".join(f"{line}\n" for line in lines).encode()

    def _lines(self, kind: str, identifier: str, sent: int) -> tuple[list[str], bool]:
        with self._world.lock:
            document = self._own(kind, identifier) if kind in _OWN else self._document(kind, identifier)
            now = self._world.instant
        if document is None:
            return [], True
        if kind in _OWN:
            return log_text.of_environment(document, sent)
        if kind == "TASK_EXECUTION":
            return log_text.of_execution(document, now, sent)
        session = document["status"].get("session", "")
        return log_text.of_service(document, self._since.setdefault((identifier, session), now), now, sent)


def _environment(document: Document) -> str:
    environment: str = document.get("environmentId") or document["metadata"].get("environmentId") or document["id"]
    return environment


async def _scripted(script: LogScript) -> AsyncIterator[bytes]:
    yield script.body
    block, sent = _LINE * (_CHUNK // len(_LINE)), 0
    while script.size and (script.is_endless or sent < script.size):
        piece = block if script.is_endless else block[: script.size - sent]
        yield piece
        sent += len(piece)
        await asyncio.sleep(script.pause)
    while script.is_endless:
        yield b""


async def _start(send: Send, status: int, extra: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _left(receive: Receive) -> None:
    with suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
