"""Serves a world: in a thread for tests (`running`), or as a process (`serve`) for the management command."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from portal.sandbox.application import Application
from portal.sandbox.world import World

TOKEN = "sandbox-token"  # noqa: S105 (the stand-in's well-known token opens nothing but the stand-in)
_START_SECONDS = 30


class _Server(uvicorn.Server):
    """Ends event streams before it waits for connections to close, and tells when it listens."""

    def __init__(self, application: Application, host: str, port: int) -> None:
        config = uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
            lifespan="on",
            ws="none",
        )
        super().__init__(config)
        self.listening = threading.Event()
        self._application = application

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, and say so."""
        await super().startup(sockets)  # type: ignore[arg-type]
        self.listening.set()

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Close the streams, then everything."""
        self._application.events.close()
        await super().shutdown(sockets)  # type: ignore[arg-type]

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port


@dataclass(slots=True)
class Sandbox:
    """A running stand-in."""

    base_url: str
    world: World
    token: str
    requests: Counter[str]


@contextmanager
def running(
    world: World, *, latency_ms: float = 0, faults: str = "none", port: int = 0, token: str = TOKEN
) -> Iterator[Sandbox]:
    """Serve the world on loopback for the length of a `with` block. With speed 0 its clock stands still."""
    application = Application(world, token, latency_ms)
    server = _Server(application, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    try:
        if not server.listening.wait(_START_SECONDS):
            raise RuntimeError("the sandbox did not start")
        yield Sandbox(f"http://127.0.0.1:{server.port}", world, token, application.requests)
    finally:
        server.should_exit = True
        thread.join()
