"""EventService.WatchEvents: Connect's framing of a server stream, and the stream of events over it."""

import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec

from .answers import ConnectError
from .documents.pages import UNREADABLE
from .documents.values import Head, Reader
from .errors import OnaError, Unreachable
from .transport import Transport

RPC = "EventService/WatchEvents"
LARGEST_MESSAGE = 4 * 1024 * 1024
_COMPRESSED, _LAST = 0x01, 0x02


class Event(Head, frozen=True):
    """Something changed at Ona; a hint to fetch it, for it holds no content and may come late or never."""

    operation: str = ""
    resource_type: str = ""
    resource_id: UUID | None = None


class _End(msgspec.Struct):
    error: ConnectError | None = None


class Frame(msgspec.Struct, frozen=True):
    """One message of a stream; the `last` one holds how it ended."""

    last: bool
    message: bytes


class Frames:
    """Cuts a stream of bytes, in whatever chunks it comes, into frames: one flag byte, four of length, the message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that `chunk` completes; DecodeError for one this client did not ask for."""
        self._buffer += chunk
        while len(self._buffer) >= 5:
            flags, size = self._buffer[0], int.from_bytes(self._buffer[1:5], "big")
            if flags & _COMPRESSED or size > LARGEST_MESSAGE:
                raise msgspec.DecodeError(f"a frame with flags {flags:#04x} and {size} bytes")
            if len(self._buffer) < 5 + size:
                return
            message = bytes(self._buffer[5 : 5 + size])
            del self._buffer[: 5 + size]
            yield Frame(bool(flags & _LAST), message)


def framed(message: Mapping[str, Any]) -> bytes:
    """`message` as the one frame of a request."""
    content = msgspec.json.encode(message)
    return b"\0" + len(content).to_bytes(4, "big") + content


_event, _end = Reader(Event), Reader(_End)


class EventStream(Iterator[Event]):
    """The events as they come, until Ona ends the stream (StopIteration) or it breaks (OnaError).

    Use it as a context manager. `close()` may come from another thread and ends a waiting `next()` as if Ona had.
    """

    def __init__(self, transport: Transport, message: Mapping[str, Any], *, idle: float) -> None:
        self._transport = transport
        self._closing = threading.Event()
        self._stack = ExitStack()
        self._response = self._stack.enter_context(transport.stream(RPC, framed(message), idle=idle))
        self._events: Generator[Event, None, None] = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> Event:
        return next(self._events)

    def close(self) -> None:
        """End the stream. The connection is shut first, so that a thread waiting on it wakes up and does the rest."""
        self._closing.set()
        network = self._response.extensions.get("network_stream")
        if network is not None and not self._response.is_closed:
            with suppress(OSError):
                network.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        with suppress(ValueError):  # another thread is inside
            self._events.close()
            self._stack.close()

    def _read(self) -> Generator[Event, None, None]:
        try:
            yield from self._messages()
        except OnaError:
            if not self._closing.is_set():
                raise
        finally:
            self._stack.close()

    def _messages(self) -> Iterator[Event]:
        frames, headers = Frames(), self._response.headers
        kind = headers.get("content-type", "no content type")
        if not kind.startswith("application/connect+json"):
            raise self._transport.malformed(RPC, f"expected a stream of events, got {kind}", headers)
        for chunk in self._transport.chunks(RPC, self._response):
            try:
                for frame in frames.feed(chunk):
                    if frame.last:
                        return self._end(frame.message)
                    yield _event.read(frame.message)
            except UNREADABLE as error:
                raise self._transport.malformed(RPC, str(error), headers) from None
        raise Unreachable("the stream was cut", rpc=RPC)

    def _end(self, message: bytes) -> None:
        error = _end.read(self._transport.scrub(message)).error
        if error is not None:
            raise self._transport.refused(RPC, error, self._response.headers)
