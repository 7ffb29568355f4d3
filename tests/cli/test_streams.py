"""Logs that are followed over lost connections, and files that are whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from portalctl.api import Api
from portalctl.main import run

ENDED = b'\x1e{"state": "ended", "text": ""}\n'
AGAIN = b'\x1e{"state": "again", "text": "more"}\n'
BROKEN = b'\x1e{"state": "broken", "text": "The source went away."}\n'


class Lost(httpx.SyncByteStream):
    """A body that is not whole."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"two\x16"
        raise httpx.ReadError("lost")


def portal(*answers: httpx.Response | Exception, asked: list[str]) -> Api:
    """One that gives these answers one after another."""
    left = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Api("http://localhost", "portal_x", transport=httpx.MockTransport(handle), sleep=lambda _: None)


def problem(status: int) -> httpx.Response:
    return httpx.Response(status, json={"detail": "Not now."}, headers={"Content-Type": "application/problem+json"})


def test_a_log_is_continued_where_it_ended(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asked: list[str] = []
    api = portal(
        problem(503), httpx.Response(200, content=b"\x16one " + AGAIN), httpx.Response(200, stream=Lost()),
        httpx.ConnectError("away"), httpx.Response(200, content=b" three\n" + ENDED), asked=asked,
    )  # fmt: skip
    assert run(["log", "executions/x"], api) == 0
    assert capfdbinary.readouterr().out == b"one two three\n"
    assert asked == [f"framed=true&skip={skip}" for skip in (0, 0, 4, 7, 7)]


def test_a_log_that_does_not_end_well_has_a_status_of_its_own() -> None:
    for status, answers in (
        (1, [httpx.Response(200, content=b"one" + BROKEN)]),
        (1, [problem(404)]),
        (4, [problem(401)]),
        (4, [httpx.ConnectError("away")] * 21),
    ):
        assert run(["log", "executions/x"], portal(*answers, asked=[])) == status, answers


def test_a_pack_that_is_not_whole_is_not_left_behind(tmp_path: Path) -> None:
    target = tmp_path / "evidence.zip"
    asked = ["evidence", str(target), "--reason", "audit"]
    assert run(asked, portal(httpx.Response(200, stream=Lost()), asked=[])) == 4
    assert run(asked, portal(problem(403), asked=[])) == 1
    assert list(tmp_path.iterdir()) == []
    assert run(asked, portal(httpx.Response(200, content=b"PK whole"), asked=[])) == 0
    assert target.read_bytes() == b"PK whole"
    steps = [httpx.Response(code, json={"id": "7", "state": state, "why": why}) for code, state, why in (
        (202, "waiting", None), (200, "running", None), (200, "succeeded", None), (202, "waiting", None),
        (200, "failed", "It is too large."),
    )]  # fmt: skip
    assert run(asked, portal(*steps[:3], httpx.Response(200, content=b"PK by a job"), asked=[])) == 0
    assert target.read_bytes() == b"PK by a job"
    assert run(asked, portal(*steps[3:], asked=[])) == 1
    assert run(["evidence", str(target)], portal(asked=[])) == 2
