"""A Retry-After stops every process and every client of the portal until its time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest

from portal.directory.connection import ona, ona_now
from portal.directory.shared_pause import SharedPause
from portal.ona import OnaClient, OnaError
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World

PROCESSES = 3
SECONDS = 3.0  # that each of them goes on asking
IN_FLIGHT = 0.3  # seconds after the answer in which requests arrive that were sent before it
RETRY_AFTER = 1


def ask(client: Callable[[], OnaClient]) -> None:
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        with suppress(OnaError):
            client().get_authenticated_identity()


def ask_in_another_process() -> int:
    if pid := os.fork():
        return pid
    try:
        ask(ona)
    finally:
        os._exit(0)


def arrivals(sandbox: Sandbox) -> list[float]:
    """When requests arrived, in seconds after the first one that was told to wait, until one comes after its time."""
    seen: list[float] = []
    count, told_at, ends_at = 0, None, time.monotonic() + 3 * SECONDS
    while time.monotonic() < ends_at:
        if told_at is None and sandbox.faults.injected:
            told_at, count = time.monotonic(), sum(sandbox.requests.values())
        now = sum(sandbox.requests.values())
        if told_at and now > count:
            seen.append(time.monotonic() - told_at)
            count = now
            if seen[-1] > RETRY_AFTER + 0.1:
                return seen
        time.sleep(0.002)
    return seen


@pytest.mark.parametrize("fault", ["throttled", "overloaded"])
def test_no_process_sends_a_request_before_the_time(connect: Callable[..., Any], settings: Any, fault: str) -> None:
    settings.ONA_REQUESTS_PER_SECOND = 40
    with connect(World(environments=1, seed=1)) as sandbox:
        sandbox.faults.retry_after = RETRY_AFTER
        children = [ask_in_another_process() for _ in range(PROCESSES)]
        threads = [Thread(target=ask, args=(client,)) for client in (ona, ona_now)]
        for thread in threads:
            thread.start()
        while sum(sandbox.requests.values()) < 20:
            time.sleep(0.01)
        sandbox.faults.inject(fault)
        seen = arrivals(sandbox)
        for child in children:
            os.waitpid(child, 0)
        for thread in threads:
            thread.join()
    assert [each for each in seen if IN_FLIGHT < each < RETRY_AFTER - 0.02] == []
    assert seen[-1] >= RETRY_AFTER


def test_a_pause_holds_for_others_and_is_not_shortened(settings: Any) -> None:
    address = f"https://ona.example/{os.getpid()}"
    mine, theirs = (SharedPause(settings.REDIS_URL, address) for _ in range(2))
    mine.extend(30)
    theirs.extend(2)
    assert 29 < theirs.left() <= 30.1
    assert SharedPause(settings.REDIS_URL, f"{address}/other").left() == 0


def test_without_redis_each_process_keeps_its_own_pause() -> None:
    mine, theirs = (SharedPause("redis://127.0.0.1:1/0", "https://ona.example") for _ in range(2))
    mine.extend(30)
    assert 29 < mine.left() <= 30
    assert theirs.left() == 0
