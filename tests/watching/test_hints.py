"""Hints are collected, become reads or a listing, and streams are opened again: at given times."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from portal.watching.attention import chosen
from portal.watching.hints import MAX_ATTEMPTS, WINDOW, Hints, Thing
from portal.watching.reconnecting import FIRST_PAUSE, LONGEST_PAUSE, STEADY, failures_after, pause_before


def thing(resource: str = "ENVIRONMENT") -> Thing:
    return Thing(resource, uuid4())


def test_hints_of_one_thing_within_the_window_are_one_read() -> None:
    hints, one, other = Hints(most=10), thing(), thing()
    assert hints.seconds_left(0.0) is None
    for at in (0.0, 0.05, 0.19):
        hints.add(one, at)
    hints.add(other, 0.1)
    assert hints.take_due(0.19) == []
    assert hints.seconds_left(0.19) == pytest.approx(0.01)
    assert hints.take_due(WINDOW) == [one]
    hints.add(one, 0.21)  # while the read is made: what it answers may be older
    assert hints.take_due(0.31) == [other]
    assert hints.take_due(0.42) == [one]


def test_what_cannot_be_read_is_tried_again_ever_later_and_then_given_up() -> None:
    hints, one = Hints(most=10), thing()
    waits = []
    while hints.retry(one, 0.0):
        waits.append(hints.seconds_left(0.0))
        hints.take_due(100.0)
    assert waits == [1.0, 2.0, 4.0]
    assert len(waits) == MAX_ATTEMPTS - 1
    assert hints.retry(one, 0.0)
    hints.take_due(100.0)
    hints.settle(one)
    assert hints.retry(one, 0.0)
    assert hints.seconds_left(0.0) == 1.0, "it was read in between"


def test_more_than_can_be_read_is_a_storm_that_leaves_nothing_to_read() -> None:
    hints = Hints(most=3)
    for _ in range(3):
        hints.add(thing(), 0.0)
    assert hints.take_storm() == set()
    hints.add(thing("SERVICE"), 0.0)
    assert hints.take_storm() == {"ENVIRONMENT", "SERVICE"}
    assert hints.take_due(100.0) == []


def test_a_stream_that_fails_is_opened_ever_more_rarely_and_not_before_ona_allows() -> None:
    assert [pause_before(failures, 1.0) for failures in (1, 2, 3)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert LONGEST_PAUSE / 2 <= pause_before(50, 0.0) <= pause_before(50, 0.99) <= LONGEST_PAUSE
    assert pause_before(1, 0.5, retry_after=90.0) == 90.0
    assert (failures_after(3, STEADY - 1), failures_after(3, STEADY)) == (4, 1)


def test_environments_that_are_looked_at_come_before_those_with_executions() -> None:
    one, two, three = (uuid4() for _ in range(3))
    assert chosen(["overview", str(two), str(one)], [one, three], most=3) == [two, one, three]
    assert chosen([str(two), str(one)], [three], had={None, three}, most=2) == [three, two], "streams are not exchanged"
    assert chosen([str(UUID(int=n)) for n in range(30)], [three], most=20)[-1] == UUID(int=19)
