"""Every kind of trouble is what it is called, and only the requests it is meant for meet it."""

import json
import threading
import time
from collections import Counter
from contextlib import ExitStack
from types import SimpleNamespace

import httpx
import pytest

from portal.sandbox.conditions import Condition
from portal.sandbox.faults import KINDS, PROFILES, Faults
from portal.sandbox.server import running
from portal.sandbox.world import World

LIST = "EnvironmentService/ListEnvironments"
STOP = "EnvironmentService/StopEnvironment"
WATCH = "gitpod.v1.EventService/WatchEvents"
BODY = {"pagination": {"pageSize": 50}}


def watching(asking, read=2.0):
    """An open event stream."""
    message = b'{"organization":true}'
    headers = {"authorization": f"Bearer {asking.sandbox.token}", "content-type": "application/connect+json"}
    frame = b"\x00" + len(message).to_bytes(4, "big") + message
    url = f"{asking.sandbox.base_url}/{WATCH}"
    return asking.client.stream("POST", url, content=frame, headers=headers, timeout=httpx.Timeout(10, read=read))


def test_throttled_is_429_with_the_seconds_to_wait(asking):
    asking.sandbox.faults.retry_after = 7
    asking.sandbox.faults.inject("throttled")
    response = asking.post(LIST, BODY)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["code"] == "resource_exhausted"
    assert asking.post(LIST, BODY).status_code == 200


@pytest.mark.parametrize(("kind", "status", "code"), [("error500", 500, "internal"), ("error503", 503, "unavailable")])
def test_errors_of_the_server_are_connect_errors(asking, kind, status, code):
    asking.sandbox.faults.inject(kind)
    response = asking.post(LIST, BODY)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_502_is_a_proxys_page_and_not_json(asking):
    asking.sandbox.faults.inject("html502")
    response = asking.post(LIST, BODY)
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_truncated_answer_is_complete_as_http_and_broken_as_json(asking):
    asking.sandbox.faults.inject("truncated")
    response = asking.post(LIST, BODY)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_cut_answer_ends_in_the_middle_of_the_body(asking):
    asking.sandbox.faults.inject("cut")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        asking.post(LIST, BODY)
    assert asking.post(LIST, BODY).status_code == 200


def test_a_slow_answer_is_right_and_takes_its_time(asking):
    asking.sandbox.faults.slow_seconds = 0.4
    asking.sandbox.faults.inject("slow")
    started = time.monotonic()
    slow = asking.post(LIST, BODY)
    assert time.monotonic() - started > 0.35  # sleeping ends a little early by another clock
    assert slow.json() == asking.ask(LIST, BODY)


@pytest.mark.parametrize(("kind", "done"), [("reset", False), ("reset_after", True)])
def test_a_reset_loses_the_answer_before_or_after_the_deed(asking, kind, done):
    identifier = asking.world.add_environment(Condition())
    asking.sandbox.faults.inject(kind, rpc="StopEnvironment")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        asking.post(STOP, {"environmentId": identifier})
    stopping = asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPING"
    assert stopping is done


def test_a_silent_stream_opens_and_says_nothing(asking):
    asking.sandbox.faults.inject("silent", rpc="WatchEvents")
    with watching(asking, read=0.5) as stream:
        assert stream.status_code == 200
        asking.world.add_environment()
        with pytest.raises(httpx.ReadTimeout):
            list(stream.iter_bytes())


def test_an_ended_stream_lacks_its_last_frame(asking):
    asking.sandbox.faults.inject("ended", rpc="WatchEvents")
    with watching(asking) as stream:
        assert stream.read() == b""


def test_a_healthy_stream_tells_of_every_change(asking):
    with watching(asking, read=10) as stream:
        identifier = asking.world.add_environment()
        frame = next(stream.iter_bytes())
    assert frame[:1] == b"\x00"
    assert json.loads(frame[5:])["resourceId"] == identifier


def test_a_stream_of_one_environment_tells_only_of_it_and_what_is_in_it(asking):
    identifier = asking.world.add_environment(Condition(never_stops=True))
    message = json.dumps({"environmentId": identifier}).encode()
    headers = {"authorization": f"Bearer {asking.sandbox.token}", "content-type": "application/connect+json"}
    frame = b"\x00" + len(message).to_bytes(4, "big") + message
    with asking.client.stream("POST", f"{asking.sandbox.base_url}/{WATCH}", content=frame, headers=headers) as stream:
        asking.world.add_environment()
        asking.world.change(identifier, metadata={"name": "x"})
        assert json.loads(next(stream.iter_bytes())[5:])["resourceId"] == identifier


def test_the_server_ends_its_streams_when_it_stops():
    with httpx.Client() as client:
        with ExitStack() as opened, running(World(environments=2, seed=1)) as sandbox:
            asking = SimpleNamespace(sandbox=sandbox, client=client)
            stream = opened.enter_context(watching(asking, read=10))
            started = time.monotonic()
        assert time.monotonic() - started < 5
        assert stream.is_closed


def test_trouble_is_met_only_by_the_calls_it_is_planned_for_and_as_often(asking):
    asking.sandbox.faults.inject("error503", times=2, rpc="ListEnvironments")
    statuses = [
        asking.post("RunnerService/ListRunners").status_code,
        *(asking.post(LIST).status_code for _ in range(3)),
    ]
    assert statuses == [200, 503, 503, 200]
    assert asking.sandbox.faults.injected == {"error503": 2}


def test_an_unknown_kind_of_trouble_is_refused():
    with pytest.raises(ValueError, match="no such fault: 'earthquake'"):
        Faults().inject("earthquake")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_gives_each_of_its_kinds_at_its_rate_and_the_same_for_the_same_seed(profile):
    rate, weights = PROFILES[profile]
    first, second = Faults(profile, seed=3), Faults(profile, seed=3)
    rpcs = [LIST, "EventService/WatchEvents"] * 1000
    met = [first.choose(rpc) for rpc in rpcs]
    assert met == [second.choose(rpc) for rpc in rpcs]
    assert set(met) - {""} == set(weights) <= set(KINDS)
    disturbed = Counter(bool(kind) for kind, rpc in zip(met, rpcs, strict=True) if kind or rpc == LIST)
    if profile not in ("none", "deadstream"):
        assert abs(disturbed[True] / 1000 - rate) < rate


@pytest.mark.parametrize("profile", sorted(set(PROFILES) - {"none", "deadstream"}))
def test_under_every_profile_a_patient_caller_gets_the_right_answer_in_the_end(profile):
    faults = Faults(profile, seed=2)
    faults.slow_seconds = 0.05
    with running(World(environments=30, seed=2), faults=faults) as sandbox, httpx.Client() as client:
        url, headers = f"{sandbox.base_url}/gitpod.v1.{LIST}", {"authorization": f"Bearer {sandbox.token}"}
        answers = []
        for _ in range(40):
            try:
                response = client.post(url, json=BODY, headers=headers, timeout=5)
                answers.append(response.json() if response.status_code == 200 else None)
            except (httpx.TransportError, json.JSONDecodeError):
                answers.append(None)
        good = [answer for answer in answers if answer]
        assert faults.injected.total() > 3
        assert len(good) > 10
        assert all(answer == good[0] for answer in good)


def test_latency_is_added_to_each_request_and_not_one_after_another():
    with running(World(environments=3, seed=2), latency_ms=300) as sandbox:
        url, headers = f"{sandbox.base_url}/gitpod.v1.{LIST}", {"authorization": f"Bearer {sandbox.token}"}
        took = []

        def ask():
            started = time.monotonic()
            httpx.post(url, json={}, headers=headers, timeout=20)
            took.append(time.monotonic() - started)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert min(took) >= 0.3
        assert time.monotonic() - started < 8 * 0.3


def stopping(asking, identifier):
    return asking.world.document(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPING"


def test_a_lost_answer_comes_never_though_the_deed_is_done(asking):
    identifier = asking.world.add_environment()
    asking.sandbox.faults.inject("lost", rpc=STOP)
    url, headers = f"{asking.sandbox.base_url}/gitpod.v1.{STOP}", {"authorization": f"Bearer {asking.sandbox.token}"}
    with pytest.raises(httpx.ReadTimeout):
        asking.client.post(url, json={"environmentId": identifier}, headers=headers, timeout=0.5)
    assert stopping(asking, identifier)


def test_trouble_for_a_whole_name_meets_no_longer_name(asking):
    asking.sandbox.faults.inject("error503", rpc="EnvironmentService/CreateEnvironment")
    identifier = asking.world.add_environment()
    asking.ask("EnvironmentService/CreateEnvironmentLogsToken", {"environmentId": identifier})
    assert asking.refusal("EnvironmentService/CreateEnvironment")[0] == "unavailable"


class InBackground:
    """A stop that is asked for by another thread, and what came of it."""

    def __init__(self, asking, identifier):
        self.outcome = None
        self._thread = threading.Thread(target=self._ask, args=(asking, identifier), daemon=True)
        self._thread.start()

    def _ask(self, asking, identifier):
        try:
            self.outcome = asking.post(STOP, {"environmentId": identifier}).status_code
        except httpx.TransportError as error:
            self.outcome = type(error)

    def result(self):
        self._thread.join(20)
        return self.outcome


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_a_held_request_waits_before_or_after_its_work_and_then_goes_on(asking, when, done):
    identifier = asking.world.add_environment()
    with asking.sandbox.hold(STOP, when=when) as held:
        assert not held.arrived.is_set()
        asking.environment(identifier)  # others are not held
        asked = InBackground(asking, identifier)
        assert held.arrived.wait(20)
        assert held.requests == 1
        assert stopping(asking, identifier) is done
        assert asked.outcome is None
        held.release()
        assert asked.result() == 200
    assert stopping(asking, identifier)


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_a_held_request_that_is_dropped_has_no_answer(asking, when, done):
    identifier = asking.world.add_environment()
    with asking.sandbox.hold(STOP, when=when) as held:
        asked = InBackground(asking, identifier)
        assert held.arrived.wait(20)
        held.drop()
        assert issubclass(asked.result(), (httpx.ReadError, httpx.RemoteProtocolError))
    assert stopping(asking, identifier) is done


def test_the_end_of_the_block_lets_go(asking):
    identifier = asking.world.add_environment()
    with asking.sandbox.hold(STOP) as held:
        asked = InBackground(asking, identifier)
        assert held.arrived.wait(20)
    assert asked.result() == 200
