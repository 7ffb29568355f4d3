"""Requests that wait at the door, before or after their work, until a test lets them go."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
When = Literal["before", "after"]


class Hold:
    """Holds the requests of one RPC. `arrived` is set as soon as one waits; `requests` counts them."""

    def __init__(self, rpc: str, when: When) -> None:
        self.rpc = rpc
        self.when = when
        self.arrived = threading.Event()
        self.requests = 0
        self._dropped = False
        self._open = False
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def release(self) -> None:
        """Let them go on, also those whose client has left: what reached Ona is done."""
        with self._lock:
            self._open = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)
            self._waiting.clear()

    def drop(self) -> None:
        """Reset their connections; one held before its work never does it."""
        self._dropped = True
        self.release()

    async def wait(self) -> bool:
        """Wait in the server's loop for release or drop; whether to go on."""
        event = asyncio.Event()
        with self._lock:
            if not self._open:
                self._waiting.append((asyncio.get_running_loop(), event))
                self.requests += 1
            else:
                event.set()
        self.arrived.set()
        await event.wait()
        return not self._dropped


class Holds:
    """The holds that are on."""

    def __init__(self) -> None:
        self._on: list[Hold] = []

    @contextmanager
    def hold(self, rpc: str, when: When = "before") -> Iterator[Hold]:
        """Hold requests of `rpc` ("Service/Method", exactly) for the length of a `with` block, or until released."""
        held = Hold(rpc, when)
        self._on.append(held)
        try:
            yield held
        finally:
            self._on.remove(held)
            held.release()

    def close(self) -> None:
        """Let everything go."""
        for held in list(self._on):
            held.release()

    def on(self, rpc: str) -> Hold | None:
        """The hold a request meets, if any."""
        return next((held for held in self._on if held.rpc == rpc), None)


async def held_answer(
    held: Hold, answer: Callable[[Send], Awaitable[None]], send: Send, reset: Callable[[Any], None]
) -> None:
    """Give the answer under a hold; `reset` ends the connection where the request is dropped."""
    if held.when == "before":
        if await held.wait():
            await answer(send)
        else:
            reset(send)
        return
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await answer(keep)
    if not await held.wait():
        reset(send)
        return
    for message in messages:
        await send(message)
