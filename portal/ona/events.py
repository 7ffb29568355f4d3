"""EventService.WatchEvents: the framing of Connect streams, and the stream of events."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec

from .connection import Limit
from .documents.pages import UNREADABLE
from .documents.values import Head, Reader
from .errors import OnaError, Unreachable
from .http_errors import ConnectError
from .transport import Transport

RPC = "EventService/WatchEvents"
LARGEST_MESSAGE = 4 * 1024 * 1024
_COMPRESSED, _LAST = 0x01, 0x02


class Event(Head, frozen=True):
    """A hint that something changed at Ona: it has no content and may arrive late or never."""

    operation: str = ""
    resource_type: str = ""
    resource_id: UUID | None = None


class _End(msgspec.Struct):
    error: ConnectError | None = None


class Frame(msgspec.Struct, frozen=True):
    """One message of a stream; the `last` one reports how it ended."""

    last: bool
    message: bytes


class Frames:
    """Splits chunks of bytes into frames: one flag byte, four of length, the message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames completed by `chunk`; DecodeError for compressed ones."""
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
    """`message` as the only frame of a request."""
    content = msgspec.json.encode(message)
    return b"\0" + len(content).to_bytes(4, "big") + content


_event, _end = Reader(Event), Reader(_End)


class EventStream(Iterator[Event]):
    """The events as they arrive, until Ona ends the stream (StopIteration) or it breaks (OnaError).

    The first `next()` opens it. Use it as a context manager; `close()` may be called from another thread, where it ends
    a waiting `next()` as if Ona had ended the stream.
    """

    def __init__(
        self,
        transport: Transport,
        message: Mapping[str, Any],
        *,
        idle: float,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._transport = transport
        self._limit = Limit()
        self._chunks = transport.stream(RPC, framed(message), idle=idle, limit=self._limit, opened=opened)
        self._events = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> Event:
        return next(self._events)

    def close(self) -> None:
        """End the stream."""
        self._limit.end()
        with suppress(ValueError):  # another thread is reading, and will find the connection closed
            self._events.close()

    def _read(self) -> Generator[Event, None, None]:
        with closing(self._chunks):
            try:
                yield from self._messages()
            except OnaError:
                if not self._limit.ended:
                    raise

    def _messages(self) -> Iterator[Event]:
        frames = Frames()
        for headers, chunk in self._chunks:
            kind = headers.get("content-type", "no content type")
            if not kind.startswith("application/connect+json"):
                raise self._transport.malformed(RPC, f"expected a stream of events, got {kind}", headers)
            try:
                for frame in frames.feed(chunk):
                    if frame.last:
                        return self._end(frame.message, headers)
                    yield _event.read(frame.message)
            except UNREADABLE as error:
                raise self._transport.malformed(RPC, str(error), headers) from None
        raise Unreachable("the stream was cut", rpc=RPC)

    def _end(self, message: bytes, headers: Mapping[str, str]) -> None:
        error = _end.read(self._transport.scrub(message)).error
        if error is not None:
            raise self._transport.refused(RPC, error, headers)
