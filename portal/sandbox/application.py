"""The ASGI application: the vendor's stubs, with the quick way, latency and faults in front of them."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from connectrpc.code import Code
from connectrpc.compat import google_protobuf_binary_codec
from connectrpc.errors import ConnectError
from gitpod.v1.environment_automation_connect import EnvironmentAutomationServiceASGIApplication
from gitpod.v1.environment_connect import EnvironmentServiceASGIApplication
from gitpod.v1.event_connect import EventServiceASGIApplication
from gitpod.v1.identity_connect import IdentityServiceASGIApplication
from gitpod.v1.organization_connect import OrganizationServiceASGIApplication
from gitpod.v1.project_connect import ProjectServiceASGIApplication
from gitpod.v1.runner_configuration_connect import RunnerConfigurationServiceASGIApplication
from gitpod.v1.runner_connect import RunnerServiceASGIApplication
from gitpod.v1.secret_connect import SecretServiceASGIApplication
from gitpod.v1.service_account_connect import ServiceAccountServiceASGIApplication
from gitpod.v1.user_connect import UserServiceASGIApplication
from google.protobuf import json_format
from google.protobuf.message import Message

from portal.sandbox.access import Access
from portal.sandbox.fast_path import Fast
from portal.sandbox.faults import Faults, reset
from portal.sandbox.logs import PREFIX, Logs
from portal.sandbox.request_gate import Holds, held_answer
from portal.sandbox.services.accounts import ServiceAccounts, Users
from portal.sandbox.services.automations import Automations
from portal.sandbox.services.common import Connection, Gate, connection
from portal.sandbox.services.directory import Identity, Organizations, Projects, RunnerConfiguration, Runners
from portal.sandbox.services.environments import Environments
from portal.sandbox.services.events import Events
from portal.sandbox.services.secrets import Secrets
from portal.sandbox.validation import Validation
from portal.sandbox.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_TICK_SECONDS = 0.25
_PACKAGE = "gitpod.v1."


class JSONCodec:
    """The vendor's JSON, compact, and with what cannot be read refused as the caller's mistake."""

    def name(self) -> str:
        """As in the content type."""
        return "json"

    def encode(self, message: Message) -> bytes:
        """Compact proto3 JSON."""
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> Message:
        """A message from JSON; unknown fields and wrong types are invalid_argument."""
        message = message_class()
        try:
            json_format.Parse(bytes(data) or b"{}", message)
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"cannot read the request: {error}") from None
        return message


class Application:
    """One world behind one address. Counts requests by RPC (`requests["EnvironmentService/GetEnvironment"]`)."""

    def __init__(self, world: World, token: str, latency_ms: float = 0, faults: Faults | None = None) -> None:
        self.world = world
        self.faults = faults or Faults()
        self.holds = Holds()
        self.latency = latency_ms / 1000
        self.requests: Counter[str] = Counter()
        self.access, validation = Access(world, token), Validation()
        self._fast = Fast(world, self.access, validation)
        self.events = Events(world)
        self.logs = Logs(world)
        self._stubs = _stubs(world, self.access, self.events, self.logs, Gate(world, self.access, validation))
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path: str = scope["path"].removeprefix("/api")
        rpc = path.removeprefix(f"/{_PACKAGE}")
        self.requests[rpc] += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        if path.startswith(PREFIX):
            await self.logs.serve(path, scope["method"], _authorization(scope), receive, send)
            return
        scope = {**scope, "path": path}
        held = self.holds.on(rpc)
        if held:
            await held_answer(held, lambda to: self._answer(scope, rpc, receive, to), send, reset)
            return
        trouble = self.faults.choose(rpc)
        if trouble:
            await self.faults.disturb(trouble, lambda to: self._answer(scope, rpc, receive, to), receive, send)
        else:
            await self._answer(scope, rpc, receive, send)

    def close(self) -> None:
        """End every stream, so that a shutdown does not wait for them."""
        self.events.close()
        self.logs.close()
        self.faults.close()
        self.holds.close()

    async def _answer(self, scope: Scope, rpc: str, receive: Receive, send: Send) -> None:
        if scope["query_string"] and "/List" in rpc:
            scope, receive = await _with_pagination(scope, receive)
        headers = dict(scope["headers"])
        if scope["method"] == "POST" and Fast.may_know(rpc, headers):
            body = await _read(receive)
            payload = self._fast.answer(rpc, _authorization(scope), body)
            if payload is not None:
                await respond(send, 200, self.logs.with_addresses(rpc, payload))
                return
            receive = _again(body, receive)
        stub = self._stubs.get(rpc.partition("/")[0])
        if stub is None:
            await respond(send, 404, error_body("unimplemented", f"no such service: {scope['path']}"))
        elif rpc == "EventService/WatchEvents":
            await stub(scope, *_stream(headers, receive, send))
        else:
            await stub(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self.world.speed:
                    self._ticking = asyncio.create_task(self._tick())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._ticking:
                    self._ticking.cancel()
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = loop.time()
            self.world.advance(timedelta(seconds=(now - last) * self.world.speed))
            last = now


def _stubs(world: World, access: Access, events: Events, logs: Logs, gate: Gate) -> dict[str, App]:
    options: dict[str, Any] = {"interceptors": [gate], "codecs": [google_protobuf_binary_codec(), JSONCodec()]}
    telling = options | {"interceptors": [gate, logs]}
    return {
        "EnvironmentService": EnvironmentServiceASGIApplication(Environments(world), **telling),
        "EnvironmentAutomationService": EnvironmentAutomationServiceASGIApplication(Automations(world), **telling),
        "EventService": EventServiceASGIApplication(events, compressions=[], **options),
        "IdentityService": IdentityServiceASGIApplication(Identity(world), **options),
        "OrganizationService": OrganizationServiceASGIApplication(Organizations(world), **options),
        "ProjectService": ProjectServiceASGIApplication(Projects(world), **options),
        "RunnerConfigurationService": RunnerConfigurationServiceASGIApplication(RunnerConfiguration(world), **options),
        "RunnerService": RunnerServiceASGIApplication(Runners(world), **options),
        "SecretService": SecretServiceASGIApplication(Secrets(world), **options),
        "ServiceAccountService": ServiceAccountServiceASGIApplication(ServiceAccounts(world, access), **options),
        "UserService": UserServiceASGIApplication(Users(world, access), **options),
    }


def _authorization(scope: Scope) -> str:
    header: bytes = dict(scope["headers"]).get(b"authorization", b"")
    return header.decode("latin-1")


def error_body(code: str, message: str) -> bytes:
    """An error as Connect writes it."""
    return json.dumps({"code": code, "message": message}).encode()


async def respond(
    send: Send, status: int, body: bytes, content_type: bytes = b"application/json", **extra: str
) -> None:
    """Send a whole response; `extra` are further headers with _ for -."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    return b"".join(chunks)


async def _with_pagination(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """A list request with `pageSize` and `token` of its query string, where the vendor's older clients send them."""
    query, headers = dict(parse_qsl(scope["query_string"].decode("latin-1"))), dict(scope["headers"])
    given = {name: query[name] for name in ("pageSize", "token") if name in query}
    if not given or headers.get(b"content-type") != b"application/json" or b"content-encoding" in headers:
        return scope, receive
    body = await _read(receive)
    with suppress(ValueError, AttributeError, TypeError):  # the stubs refuse what is no JSON object
        request = json.loads(body or b"{}")
        request["pagination"] = {**given, **request.get("pagination", {})}
        body = json.dumps(request).encode()
    headers[b"content-length"] = str(len(body)).encode()
    return {**scope, "headers": list(headers.items())}, _again(body, receive)


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive that hands out a body that has been read already."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    return replay


def _stream(headers: dict[bytes, bytes], receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Let a stream begin when it listens and end when its client leaves: the stub alone would wait for an event."""
    content_type = headers.get(b"content-type", b"")
    begun = False

    async def opened() -> None:
        await begin({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
        await send({"type": "http.response.body", "body": b"", "more_body": True})

    async def begin(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        if message["type"] != "http.response.start" or not begun:
            begun = begun or message["type"] == "http.response.start"
            await send(message)

    async def watch() -> MutableMapping[str, Any]:
        message = await receive()
        if message["type"] == "http.disconnect" and hooks.on_departure:
            hooks.on_departure()
        return message

    hooks = Connection(opened)
    connection.set(hooks)
    return watch, begin
