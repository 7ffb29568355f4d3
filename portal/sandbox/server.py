"""Serves a world: in a thread for tests (`running`), or as a process of its own (`serve`)."""

import asyncio
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from portal.sandbox.access import Access
from portal.sandbox.application import Application
from portal.sandbox.faults import Faults
from portal.sandbox.logs import Logs
from portal.sandbox.request_gate import Hold, When
from portal.sandbox.snapshot import save
from portal.sandbox.world import World

TOKEN = "sandbox-token"  # noqa: S105 (well known: it opens nothing but the stand-in)
_START_SECONDS = 30
_SAVE_SECONDS = 60


class _Server(uvicorn.Server):
    """Ends event streams before it waits for connections to close, announces that it listens, and can stop at once.

    uvicorn looks every 0.1 s whether it should stop, and then waits as long again: a thousand tests would pay for that.
    """

    def __init__(self, application: Application, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="on", http="h11",
            ws="none",
        )  # fmt: skip
        super().__init__(config)
        self._application = application
        self._announce = announce
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Stop without waiting for the next tick; for other threads."""
        self.should_exit = True
        if self._loop:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and announce it."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if self.started:
            self._announce()

    async def main_loop(self) -> None:
        """Tick until it is time to stop."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the streams and the idle connections; wait for what is still being answered."""
        self._application.close()
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # closed connections report themselves in the loop's next round
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        else:
            await self.lifespan.shutdown()


@dataclass(slots=True)
class Sandbox:
    """A running stand-in. `requests` counts by `Service/Method`; `faults.inject(…)` plans trouble."""

    base_url: str
    world: World
    token: str
    application: Application

    @property
    def faults(self) -> Faults:
        """Trouble by chance and by plan."""
        return self.application.faults

    @property
    def access(self) -> Access:
        """The tokens: `access.issued[READ_ONLY].expires_at = …`."""
        return self.application.access

    @property
    def logs(self) -> Logs:
        """Logs of services and executions: `logs.scripts[id] = LogScript(…)`."""
        return self.application.logs

    @property
    def requests(self) -> Counter[str]:
        """How often each RPC was requested, including held and disturbed requests."""
        return self.application.requests

    def hold(self, rpc: str, when: When = "before") -> AbstractContextManager[Hold]:
        """Hold requests of `rpc` ("Service/Method") before or after their work, until released or the block ends."""
        return self.application.holds.hold(rpc, when)


@contextmanager
def running(
    world: World, *, latency_ms: float = 0, faults: str | Faults = "none", port: int = 0, token: str = TOKEN
) -> Iterator[Sandbox]:
    """Serve the world on loopback for the length of a `with` block. With speed 0 its clock stands still."""
    trouble = Faults(faults, world.seed) if isinstance(faults, str) else faults
    application = Application(world, token, latency_ms, trouble)
    listening = threading.Event()
    server = _Server(application, listening.set)
    with _listen("127.0.0.1", port) as bound:
        application.logs.origin = _url(bound)
        thread = threading.Thread(target=server.run, args=([bound],), name="sandbox", daemon=True)
        thread.start()
        try:
            if not listening.wait(_START_SECONDS):
                raise RuntimeError("the sandbox did not start")
            yield Sandbox(_url(bound), world, token, application)
        finally:
            server.stop()
            thread.join()


def serve(
    world: World,
    *,
    host: str,
    port: int,
    latency_ms: float,
    faults: str,
    token: str,
    state: Path | None,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; with `state` the world is saved there every minute and at the end."""
    application = Application(world, token, latency_ms, Faults(faults, world.seed))
    # uvicorn raises the signal that ended it once more: that must lead out by way of `_saved`.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with _listen(host, port) as bound, _saved(world, state):
        application.logs.origin = _url(bound)
        _Server(application, lambda: announce(_url(bound))).run([bound])


@contextmanager
def _saved(world: World, state: Path | None) -> Iterator[None]:
    if state is None:
        yield
        return
    state.parent.mkdir(parents=True, exist_ok=True)
    done = threading.Event()

    def save_regularly() -> None:
        while not done.wait(_SAVE_SECONDS):
            save(world, state)

    thread = threading.Thread(target=save_regularly, name="snapshot", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        save(world, state)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
