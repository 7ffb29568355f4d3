"""The web server: gunicorn's processes, in each of which Waitress buffers what clients send and read.

One thread of a process moves the bytes of all its connections; the others make pages. A request reaches one of them
once it has been received whole, and a page leaves it at once: slow clients occupy memory, but no thread. Only what is
streamed (logs, exports) waits for its reader, and not longer than STALLED_SECONDS. Open pages that wait for news are
held without a thread: one looks for all of them.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from django.conf import settings
from django.db import connection
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from portal.database import fill
from portal.live import shortcut
from portal.live.tokens import LOOK_SECONDS, tokens
from portal.web.network import WAITED_SECONDS

MEGABYTE = 1 << 20
REQUEST_SECONDS = 60.0  # for a whole request to arrive, from its first byte
IDLE_SECONDS = 30  # for the next request on a connection, and for a reader who stopped reading a page
STALLED_SECONDS = 60.0  # for the reader of a stream to go on reading
TICK_SECONDS = 1.0
MOST_HELD = 500  # of a process; further pages are answered at once, and ask again
LOOK_SHARE = 4  # looking for news takes a fifth of a core at most
ADJUSTMENTS: dict[str, Any] = {
    "connection_limit": 800,  # of a process, which may open 1,024 files; more clients wait
    "asyncore_use_poll": True,  # select() ends at 1,024 files
    "channel_timeout": IDLE_SECONDS,
    "cleanup_interval": TICK_SECONDS,
    "max_request_header_size": MEGABYTE // 16,
    "max_request_body_size": 3 * MEGABYTE,  # Django takes 2.5
    "inbuf_overflow": 4 * MEGABYTE,  # never reached: requests hold secrets, which must not reach a file
    "outbuf_overflow": 8 * MEGABYTE,
    "outbuf_high_watermark": MEGABYTE,  # where a stream begins to wait for its reader
    "clear_untrusted_proxy_headers": False,  # Django ignores them unless PORTAL_BEHIND_PROXY
    "ident": None,
}


class Request(HTTPRequestParser):
    """A request that knows when its first byte and its last one arrived, and its answer if it asks for news."""

    known: str | None = None

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = self.arrived = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take some bytes; returns how many belong to this request."""
        self.arrived = time.monotonic()
        return super().received(data)


class Task(WSGITask):
    """One request in a thread of its own."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environ, with the seconds that the request waited for this thread."""
        environ: dict[str, Any] = super().get_environment()
        environ[WAITED_SECONDS] = time.monotonic() - self.request.arrived
        if self.request.known is not None:
            environ[shortcut.KNOWN] = self.request.known
        return environ


class Channel(HTTPChannel):
    """A connection."""

    parser_class = Request
    task_class = Task
    receiver = 0  # the thread that receives
    is_quick = False
    wait: shortcut.Wait | None = None

    def received(self, data: bytes) -> bool:
        """Take some bytes. A request whose answer is known is answered in this thread: another one costs more."""
        self.receiver = threading.get_ident()
        taken: bool = super().received(data)
        while self.is_quick:
            self.is_quick = False
            self.service()
        self.receiver = 0
        return taken

    def find_answer(self) -> bool:
        """Whether the next request asks for news that are known, and this is the thread that receives."""
        request = self.requests[0]
        if self.receiver != threading.get_ident() or request.error:
            return False
        asked = request.command, request.path, request.query, request.headers.get("COOKIE", "")
        self.wait = shortcut.wait_for(*asked)
        request.known = None if self.wait else shortcut.known(*asked)
        return request.known is not None

    def is_abandoned(self) -> bool:
        """Whether its client went away while it waited; nothing is read meanwhile."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_too_slow(self, now: float) -> bool:
        """Whether its client takes too long to send a request, or to read a stream. `now` is of time.time()."""
        request = self.request
        if request is not None and time.monotonic() - request.began > REQUEST_SECONDS:
            return True
        return bool(self.total_outbufs_len) and now - self.last_activity > STALLED_SECONDS


class Server(TcpWSGIServer):
    """Accepts connections and moves their bytes."""

    channel_class = Channel

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.held: dict[Channel, shortcut.Wait] = {}
        self.has_news = False
        self.looker: threading.Thread | None = None
        super().__init__(*arguments, **named)

    def add_task(self, task: Channel) -> None:
        """Have a request answered: by another thread, unless its answer is known or waits for news."""
        if task.find_answer():
            task.is_quick = True
        elif task.wait and len(self.held) < MOST_HELD:
            self.hold(task, task.wait)
        else:
            super().add_task(task)

    def hold(self, channel: Channel, wait: shortcut.Wait) -> None:
        """Answer it when there is news."""
        self.held[channel] = wait
        if self.looker is None:
            self.looker = threading.Thread(target=self.look_for_news, daemon=True)
            self.looker.start()

    def look_for_news(self) -> None:
        """Look again and again, while anybody waits."""
        while self.accepting:
            began = time.monotonic()
            makes = {wait.about: wait.make for wait in list(self.held.values())}
            if makes and tokens.renew(makes):
                self.has_news = True
                self.pull_trigger()
            time.sleep(max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - began)))

    def readable(self) -> bool:
        """Whether it accepts connections; called before each wait for bytes."""
        if self.has_news:
            self.has_news = False
            self.release()
        return bool(super().readable())

    def release(self, *, everything: bool = False) -> None:
        """Answer those who waited long enough, or for what has come; those without a token by a thread."""
        for channel, wait in list(self.held.items()):
            if not everything and not wait.is_over:
                continue
            del self.held[channel]
            channel.requests[0].known = tokens.newest(wait.about)
            if channel.requests[0].known:
                channel.service()
            else:
                super().add_task(channel)

    def maintenance(self, now: float) -> None:
        """Close connections that are idle, too slow or abandoned, and answer what was held for long enough."""
        super().maintenance(now)
        for channel in [channel for channel in self.held if channel.is_abandoned()]:
            del self.held[channel]
            channel.handle_close()
        self.release()
        for channel in list(self.active_channels.values()):
            if channel.is_too_slow(now):
                channel.will_close = True

    def is_busy(self) -> bool:
        """Whether a page is being made or sent."""
        return any(channel.requests or channel.total_outbufs_len for channel in list(self.active_channels.values()))


def serve_on(
    application: Any,
    listener: socket.socket,
    connections: dict[int, Any],
    dispatcher: ThreadedTaskDispatcher,
    adjustments: Adjustments,
) -> Server:
    """Accept connections of a socket that listens already into `connections`, for the threads of `dispatcher`."""
    address = (listener.family, listener.type, listener.proto, listener.getsockname())
    return Server(application, connections, True, listener, dispatcher, adjustments, address, bind_socket=False)


class BufferingWorker(Worker):
    """A process of gunicorn's (`--worker-class`) with PORTAL_WEB_THREADS threads for pages."""

    def run(self) -> None:
        """Serve until gunicorn requests a stop, then end what has begun, for `--graceful-timeout` at most."""
        adjustments = Adjustments(threads=settings.WEB_THREADS, **ADJUSTMENTS)
        if pool := getattr(connection, "pool", None):
            fill(pool, adjustments.threads)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(adjustments.threads)
        connections: dict[int, Any] = {}
        servers = [serve_on(self.wsgi, each.sock, connections, dispatcher, adjustments) for each in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self._move_bytes(connections)
        for server in servers:
            server.accepting = False
            server.release(everything=True)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while any(server.is_busy() for server in servers) and time.monotonic() < deadline:
            self._move_bytes(connections)
        dispatcher.shutdown(timeout=0)

    def _move_bytes(self, connections: dict[int, Any]) -> None:
        self.notify()
        wasyncore.loop(timeout=TICK_SECONDS, use_poll=True, map=connections, count=1)
