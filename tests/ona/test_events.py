"""The event stream: framing in any chunks, how it ends, how it breaks, and that it can be closed from elsewhere."""

import json
import socket
import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ona import OnaClient, errors
from portal.ona.events import Event, Frame, Frames

from .conftest import TOKEN, Script, Server

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\nTransfer-Encoding: chunked\r\n\r\n"
CHANGED = json.dumps(
    {"operation": "RESOURCE_OPERATION_UPDATE", "resourceType": "RESOURCE_TYPE_ENVIRONMENT", "resourceId": ID}
)
EVENT = Event("RESOURCE_OPERATION_UPDATE", "RESOURCE_TYPE_ENVIRONMENT", UUID(ID))


def frame(message: bytes | str, flags: int = 0) -> bytes:
    content = message.encode() if isinstance(message, str) else message
    return bytes([flags]) + len(content).to_bytes(4, "big") + content


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def streaming(*contents: bytes, stay: bool = False) -> Script:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(HEAD + b"".join(map(chunk, contents)))
        if stay:
            connection.recv(1)
        else:
            connection.sendall(b"0\r\n\r\n")

    return script


@pytest.fixture
def client(server: Server) -> OnaClient:
    return OnaClient(TOKEN, server.base_url, requests_per_second=1000)


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=8), st.data())
def test_frames_are_the_same_in_whatever_chunks_they_come(
    messages: list[tuple[bytes, bool]], data: st.DataObject
) -> None:
    wire = b"".join(frame(message, 2 if last else 0) for message, last in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=20)))
    chunks = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    frames = Frames()
    assert [each for piece in chunks for each in frames.feed(piece)] == [
        Frame(last, message) for message, last in messages
    ]


def test_events_come_until_ona_ends_the_stream(server: Server, client: OnaClient) -> None:
    whole = frame(CHANGED)
    newer = frame('{"operation":"NEW","resourceType":77,"more":{}}')
    server.scripts = [streaming(whole[:3], whole[3:] + whole, newer, frame("{}", 2))]
    with client.watch_events(resource_types=["RESOURCE_TYPE_ENVIRONMENT"]) as events:
        assert list(events) == [EVENT, EVENT, Event("NEW", "77")]
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"/api/gitpod.v1.EventService/WatchEvents" in head
    assert b"content-type: application/connect+json" in head.lower()
    assert body[0] == 0
    assert int.from_bytes(body[1:5], "big") == len(body) - 5
    filters = [{"resourceType": "RESOURCE_TYPE_ENVIRONMENT"}]
    assert json.loads(body[5:]) == {"organization": True, "resourceTypeFilters": filters}


def test_one_environment_can_be_watched(server: Server, client: OnaClient) -> None:
    server.scripts = [streaming(frame("{}", 2))]
    with client.watch_events(UUID(ID)) as events:
        assert list(events) == []
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2][5:]) == {"environmentId": ID}


@pytest.mark.parametrize(
    ("contents", "kind"),
    [
        ([frame(CHANGED), frame('{"error":{"code":"unavailable","message":"restarting"}}', 2)], errors.Unavailable),
        ([frame(CHANGED), frame(CHANGED)[:9]], errors.Unreachable),
        ([frame(CHANGED)], errors.Unreachable),
        ([frame(CHANGED), frame("nonsense")], errors.MalformedAnswer),
        ([frame(CHANGED), frame("{}", 1)], errors.MalformedAnswer),
        ([frame(CHANGED), b"\x00\xff\xff\xff\xff"], errors.MalformedAnswer),
        ([frame(CHANGED), frame("nonsense", 2)], errors.MalformedAnswer),
    ],
)
def test_a_broken_stream_gives_its_events_and_then_its_error(
    contents: list[bytes], kind: type[errors.OnaError], server: Server, client: OnaClient
) -> None:
    server.scripts = [streaming(*contents)]
    with client.watch_events() as events:
        assert next(events) == EVENT
        with pytest.raises(kind) as caught:
            next(events)
    assert caught.value.rpc == "EventService/WatchEvents"


def test_a_stream_that_is_refused_raises_the_refusal(server: Server, client: OnaClient) -> None:
    body = b'{"code":"unauthenticated","message":"no"}'
    head = f"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server.scripts = [lambda connection, _: connection.sendall(head + body)]
    with client.watch_events() as events, pytest.raises(errors.Unauthenticated):
        next(events)


def test_what_is_no_stream_is_malformed(server: Server, client: OnaClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
    server.scripts = [lambda connection, _: connection.sendall(head)]
    with client.watch_events() as events, pytest.raises(errors.MalformedAnswer, match="text/html"):
        next(events)


def test_a_dead_stream_is_noticed(server: Server, client: OnaClient) -> None:
    server.scripts = [streaming(frame(CHANGED), stay=True)]
    with client.watch_events(idle=1.0) as events:
        assert next(events) == EVENT
        with pytest.raises(errors.Unreachable):
            next(events)


def test_closing_from_another_thread_ends_a_waiting_stream(server: Server, client: OnaClient) -> None:
    server.scripts = [streaming(frame(CHANGED), stay=True)]
    seen: list[Event] = []
    arrived = threading.Event()
    events = client.watch_events()

    def watch() -> None:
        for event in events:
            seen.append(event)
            arrived.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert arrived.wait(5)
    events.close()
    thread.join(5)
    assert not thread.is_alive()
    assert seen == [EVENT]


def test_closing_ends_a_stream_whose_headers_have_not_even_come(server: Server, client: OnaClient) -> None:
    asked = threading.Event()

    def silent(connection: socket.socket, _: bytes) -> None:
        asked.set()
        connection.recv(1)

    server.scripts = [silent]
    events = client.watch_events()
    thread = threading.Thread(target=lambda: list(events))
    thread.start()
    assert asked.wait(5)
    events.close()
    thread.join(5)
    assert not thread.is_alive()


def test_a_stream_closed_before_its_first_event_asks_nothing(server: Server, client: OnaClient) -> None:
    with client.watch_events() as events:
        pass
    assert list(events) == []
    assert server.requests == []


def test_leaving_the_stream_frees_its_connection(server: Server, client: OnaClient) -> None:
    server.scripts = [streaming(frame(CHANGED), stay=True)]
    for _ in range(40):
        with client.watch_events() as events:
            assert next(events) == EVENT
