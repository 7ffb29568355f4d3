"""Which calls are tried again, when, and how fast Ona is asked."""

import itertools
import threading

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ona import OnaClient, errors
from portal.ona.errors import BY_CODE
from portal.ona.rate_limit import Budget, Paused
from portal.ona.retry import LONGEST_WAIT, next_wait

from .conftest import BEGINNING, Clock, MakeClient

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"
GOOD = {"environment": {"id": ID}}
PASSING = {"aborted", "canceled", "deadline_exceeded", "internal", "resource_exhausted", "unavailable", "unknown"}


def scripted(client_over: MakeClient, *responses: httpx.Response | Exception, **options: float) -> OnaClient:
    left = iter(responses)

    def ona(_: httpx.Request) -> httpx.Response:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return client_over(ona, **options)


def busy(seconds: str | None = None, status: int = 429) -> httpx.Response:
    code = "resource_exhausted" if status == 429 else "unavailable"
    return httpx.Response(status, json={"code": code}, headers={"retry-after": seconds} if seconds else {})


def good() -> httpx.Response:
    return httpx.Response(200, json=GOOD)


@pytest.mark.parametrize("code", BY_CODE)
def test_reads_are_repeated_when_the_trouble_may_pass(code: str) -> None:
    wait = next_wait(BY_CODE[code](), attempt=1, attempts=5, repeatable=True, dice=0.5)
    assert (wait is not None) == (code in PASSING)


@pytest.mark.parametrize("code", BY_CODE)
def test_writes_are_not_repeated_for_any_code(code: str) -> None:
    assert next_wait(BY_CODE[code](), attempt=1, attempts=5, repeatable=False, dice=0.5) is None


def test_writes_are_repeated_only_where_nothing_was_done() -> None:
    not_sent, cut = errors.Unreachable(sent=False), errors.Unreachable()
    told_when = errors.ResourceExhausted(retry_after=3.0)
    waits = [
        next_wait(error, attempt=1, attempts=5, repeatable=False, dice=0.5) for error in (not_sent, cut, told_when)
    ]
    assert waits == [0.125, None, 3.0]
    assert [not_sent.outcome_unknown, cut.outcome_unknown, told_when.outcome_unknown] == [False, True, False]


def test_a_redirect_is_not_followed_by_another_try() -> None:
    error = errors.NotOna(http_status=302)
    assert next_wait(error, attempt=1, attempts=5, repeatable=True, dice=0.5) is None


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_the_backoff_grows_up_to_ten_seconds_with_full_jitter(attempt: int, dice: float) -> None:
    wait = next_wait(errors.Unavailable(), attempt=attempt, attempts=51, repeatable=True, dice=dice)
    assert wait == dice * min(10.0, 0.25 * 2 ** (attempt - 1))


def test_a_read_succeeds_after_trouble_that_passed(client_over: MakeClient, clock: Clock) -> None:
    bad_gateway = httpx.Response(502, html="<h1>502</h1>")
    cut = httpx.Response(200, content=b'{"environment":{"id":')
    reset = httpx.ReadError("connection reset by peer")
    client = scripted(client_over, bad_gateway, cut, reset, httpx.Response(500, json={"code": "internal"}), good())
    assert client.get_environment(ID).sent_at == clock.now()
    assert clock.slept == [0.125, 0.25, 0.5, 1.0]
    assert (client.stats.requests, client.stats.retries) == (5, 4)


def test_the_last_attempts_error_is_the_calls_error(client_over: MakeClient, clock: Clock) -> None:
    client = scripted(client_over, *[busy(status=503)] * 3, attempts=3)
    with pytest.raises(errors.Unavailable):
        client.get_environment(ID)
    assert client.stats.requests == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_obeyed_to_the_second(status: int, client_over: MakeClient, clock: Clock) -> None:
    scripted(client_over, busy("17", status), good()).get_environment(ID)
    assert clock.now() == BEGINNING.replace(second=17)


def test_a_retry_after_that_is_a_date_is_obeyed(client_over: MakeClient, clock: Clock) -> None:
    scripted(client_over, busy("Sun, 22 Nov 2026 12:00:09 GMT"), good()).get_environment(ID)
    assert clock.now() == BEGINNING.replace(second=9)


def test_asked_to_wait_too_long_the_call_fails_and_says_how_long(client_over: MakeClient, clock: Clock) -> None:
    client = scripted(client_over, busy("600"), good())
    with pytest.raises(errors.ResourceExhausted) as caught:
        client.get_environment(ID)
    assert caught.value.retry_after == 600
    assert clock.slept == []
    with pytest.raises(errors.ResourceExhausted) as caught:
        client.start_environment(ID)
    assert caught.value.retry_after == 600
    assert client.stats.requests == 1
    clock.seconds += 600 - LONGEST_WAIT
    client.get_environment(ID)
    assert clock.seconds == 1600


def test_a_write_is_sent_once_where_it_may_have_been_done(client_over: MakeClient) -> None:
    for trouble in (httpx.ReadError("reset"), httpx.Response(503, json={"code": "unavailable"}), busy()):
        client = scripted(client_over, trouble, good())
        with pytest.raises(errors.OnaError):
            client.stop_environment(ID)
        assert client.stats.requests == 1


def test_a_write_is_sent_again_where_it_never_left_or_was_told_to_wait(client_over: MakeClient, clock: Clock) -> None:
    client = scripted(client_over, httpx.ConnectError("connection refused"), busy("4"), good())
    client.stop_environment(ID)
    assert client.stats.requests == 3
    assert clock.slept == [0.125, 4.0]


def test_one_call_told_to_wait_pauses_all_of_the_client(client_over: MakeClient, clock: Clock) -> None:
    client = scripted(client_over, busy("30"), good(), attempts=1)
    with pytest.raises(errors.ResourceExhausted):
        client.get_environment(ID)
    assert clock.slept == []
    client.get_environment(ID)
    assert clock.seconds == 1030


def test_requests_leave_evenly_spaced(clock: Clock) -> None:
    budget = Budget(20, clock=clock, sleep=clock.sleep)
    left = []
    for _ in range(41):
        budget.wait(60)
        left.append(clock.seconds)
    assert left[0] == 1000
    assert left[-1] == pytest.approx(1002)
    assert min(b - a for a, b in itertools.pairwise(left)) == pytest.approx(0.05)


def test_an_idle_budget_saves_nothing_up(clock: Clock) -> None:
    budget = Budget(10, clock=clock, sleep=clock.sleep)
    budget.wait(60)
    clock.seconds += 3600
    budget.wait(60)
    budget.wait(60)
    assert clock.slept == [pytest.approx(0.1)]


def test_a_shorter_pause_does_not_end_a_longer_one(clock: Clock) -> None:
    budget = Budget(10, clock=clock, sleep=clock.sleep)
    budget.pause(30)
    budget.pause(5)
    with pytest.raises(Paused) as caught:
        budget.wait(20)
    assert caught.value.seconds == 30
    budget.wait(30)
    assert clock.seconds == 1030


def test_a_pause_also_holds_those_who_were_already_waiting_their_turn() -> None:
    clock = Clock()
    budget: Budget

    def sleep(seconds: float) -> None:
        if not clock.slept:
            budget.pause(50)
        clock.sleep(seconds)

    budget = Budget(1, clock=clock, sleep=sleep)
    budget.wait(60)
    budget.wait(60)
    assert clock.seconds >= 1050


def test_threads_share_one_budget() -> None:
    moments: list[float] = []
    lock = threading.Lock()
    waited = threading.local()

    def sleep(seconds: float) -> None:
        waited.seconds = seconds

    budget = Budget(10, clock=lambda: 1000.0, sleep=sleep)

    def work() -> None:
        for _ in range(25):
            waited.seconds = 0.0
            budget.wait(60)
            with lock:
                moments.append(waited.seconds)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moments) == pytest.approx([number / 10 for number in range(200)])
