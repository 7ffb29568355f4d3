"""Bad days on request: a chance of trouble for each request, by profile, and trouble that tests plan."""

import asyncio
import gzip
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Answer = Callable[[Send], Awaitable[None]]  # the healthy answer, given somewhere to send it

# Each kind is described at its method below; the weights say how often each occurs.
PROFILES: dict[str, tuple[float, Mapping[str, int]]] = {
    "none": (0.0, {}),
    "throttled": (0.3, {"throttled": 1}),
    "flaky": (0.3, {"error500": 1, "error503": 1, "html502": 1}),
    "cut": (0.3, {"cut": 1, "truncated": 1}),
    "slow": (0.3, {"slow": 1}),
    "resets": (0.3, {"reset": 1, "reset_after": 1}),
    "deadstream": (1.0, {"silent": 1, "ended": 1}),
    "badday": (
        0.35,
        {
            "throttled": 4, "error500": 2, "error503": 3, "html502": 3, "cut": 2, "truncated": 2, "slow": 1,
            "reset": 2, "reset_after": 2, "silent": 2, "ended": 2,
        },
    ),
}  # fmt: skip
_STREAM_KINDS = ("silent", "ended")
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"


@dataclass(slots=True)
class _Planned:
    kind: str
    times: int
    rpc: str


class Faults:
    """Trouble by chance, the same for the same seed and order of requests, and trouble by plan.

    `injected` counts what was done by kind. `retry_after` and `slow_seconds` may be set to suit a test.
    """

    def __init__(self, profile: str = "none", seed: int = 1, rate: float | None = None) -> None:
        default_rate, self._weights = PROFILES[profile]
        self.profile = profile
        self.rate = default_rate if rate is None else rate
        self.retry_after = 1
        self.slow_seconds = 3.0
        self.injected: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._plan: list[_Planned] = []
        self._closing = asyncio.Event()
        self._circle: bytes | None = None

    def inject(self, kind: str, times: int = 1, rpc: str = "") -> None:
        """Let the next `times` requests of `rpc` meet this kind of trouble (see KINDS).

        `rpc` is a whole `Service/Method`, or a part of one without the slash; "" is every request.
        """
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind!r}; there are {', '.join(KINDS)}")
        self._plan.append(_Planned(kind, times, rpc))

    def clear(self) -> None:
        """Have no more trouble, neither by plan nor by chance."""
        self._plan.clear()
        self._circle = None
        self.rate = 0.0

    def close(self) -> None:
        """Let go of the streams that were left silent."""
        self._closing.set()

    def choose(self, rpc: str) -> str:
        """The kind of trouble the request meets, "" for none. A planned one is used up."""
        for planned in self._plan:
            if planned.rpc == rpc or ("/" not in planned.rpc and planned.rpc in rpc):
                planned.times -= 1
                if planned.times <= 0:
                    self._plan.remove(planned)
                return planned.kind
        streaming = "WatchEvents" in rpc
        weights = {kind: weight for kind, weight in self._weights.items() if (kind in _STREAM_KINDS) <= streaming}
        if not weights or self._rng.random() >= self.rate:
            return ""
        return self._rng.choices(list(weights), list(weights.values()))[0]

    async def disturb(self, kind: str, answer: Answer, receive: Receive, send: Send) -> None:
        """Answer with this kind of trouble; the request is carried out only where the trouble comes after it."""
        self.injected[kind] += 1
        await KINDS[kind](self, answer, receive, send)

    async def _throttled(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """429 with Retry-After; nothing was done."""
        headers = {"retry-after": str(self.retry_after)}
        await _respond(send, 429, b'{"code":"resource_exhausted","message":"rate limit exceeded"}', headers)

    async def _error500(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """500 with a Connect error; nothing was done."""
        await _respond(send, 500, b'{"code":"internal","message":"internal error"}')

    async def _error503(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """503 with a Connect error; nothing was done."""
        await _respond(send, 503, b'{"code":"unavailable","message":"upstream connect error or disconnect/reset"}')

    async def _overloaded(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """503 with Retry-After; nothing was done."""
        await _respond(send, 503, b'{"code":"unavailable","message":"busy"}', {"retry-after": str(self.retry_after)})

    async def _html502(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """502 from a proxy, not JSON. Half of the time the request was carried out all the same."""
        if self._rng.random() < 0.5:
            await answer(_swallow)
        await _respond(send, 502, _HTML, {"content-type": "text/html"})

    async def _html404(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """404 from a proxy that does not know the address; nothing was done."""
        await _respond(send, 404, _HTML.replace(b"502 Bad Gateway", b"404 Not Found"), {"content-type": "text/html"})

    async def _truncated(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """200 whose JSON stops in the middle, though the length agrees."""
        status, headers, body = await _collected(answer)
        await _respond(send, status, body[: len(body) // 2], headers)

    async def _circling(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """A list whose pages lead in a circle: each is the first one, and the same token follows it."""
        if self._circle is None:
            _, headers, body = await _collected(answer)
            page = json.loads(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
            self._circle = json.dumps(page | {"pagination": {"nextToken": "circle"}}).encode()
        await _respond(send, 200, self._circle)

    async def _cut(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """200 whose connection is lost in the middle of the body."""
        status, headers, body = await _collected(answer)
        await _start(send, status, headers, len(body))
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        reset(send)

    async def _slow(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """The right answer, a dribble at a time."""
        status, headers, body = await _collected(answer)
        await _start(send, status, headers, len(body))
        pieces = 20
        size = len(body) // pieces + 1
        for start in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
            await asyncio.sleep(self.slow_seconds / pieces)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _reset_before(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """The connection is reset before anything was done."""
        reset(send)

    async def _reset_after(self, answer: Answer, _receive: Receive, send: Send) -> None:
        """The connection is reset after the request was carried out, before the answer."""
        await answer(_swallow)
        reset(send)

    async def _lost(self, answer: Answer, receive: Receive, send: Send) -> None:
        """The request is carried out, and the answer never comes: the client has to give up."""
        await answer(_swallow)
        await self._departure(receive)
        reset(send)

    async def _silent(self, _answer: Answer, receive: Receive, send: Send) -> None:
        """A stream that opens and stays silent."""
        await _start(send, 200, {"content-type": "application/connect+json"}, None)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await self._departure(receive)

    async def _departure(self, receive: Receive) -> None:
        """Until the client leaves, or the server closes."""
        left = asyncio.create_task(_disconnected(receive))
        closing = asyncio.create_task(self._closing.wait())
        await asyncio.wait((left, closing), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        closing.cancel()

    async def _ended(self, _answer: Answer, _receive: Receive, send: Send) -> None:
        """A stream that ends at once, without the frame that should be its last."""
        await _respond(send, 200, b"", {"content-type": "application/connect+json"})


KINDS: dict[str, Callable[[Faults, Answer, Receive, Send], Awaitable[None]]] = {
    "throttled": Faults._throttled,
    "overloaded": Faults._overloaded,
    "error500": Faults._error500,
    "error503": Faults._error503,
    "html502": Faults._html502,
    "html404": Faults._html404,
    "truncated": Faults._truncated,
    "cut": Faults._cut,
    "circling": Faults._circling,
    "slow": Faults._slow,
    "reset": Faults._reset_before,
    "reset_after": Faults._reset_after,
    "lost": Faults._lost,
    "silent": Faults._silent,
    "ended": Faults._ended,
}


async def _swallow(_message: Message) -> None:
    """Discard an answer."""


async def _collected(answer: Answer) -> tuple[int, Mapping[str, str], bytes]:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await answer(collect)
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    headers.pop("content-length", None)
    return messages[0]["status"], headers, b"".join(message.get("body", b"") for message in messages[1:])


async def _start(send: Send, status: int, headers: Mapping[str, str], length: int | None) -> None:
    given = {"content-type": "application/json", **headers}
    if length is not None:
        given["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _respond(send: Send, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    await _start(send, status, headers or {}, len(body))
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def reset(send: Any) -> None:
    """Reset the TCP connection. ASGI has no word for that, so uvicorn's own transport is taken from behind `send`."""
    transport: asyncio.WriteTransport = send.__self__.transport
    linger = struct.pack("ii", 1, 0)  # close with RST instead of FIN
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
