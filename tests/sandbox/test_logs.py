"""Logs as the stand-in streams them."""

import threading
import time
from datetime import timedelta

import httpx
import pytest

from portal.sandbox.automations import log_url
from portal.sandbox.logs import LogScript

SERVICE, EXECUTION = "SERVICE", "TASK_EXECUTION"


def first(world, kind, phase):
    """A service or execution in a phase."""
    entries = world.table(kind).entries.values()
    return next(e.document() for e in entries if e.facts.phase.endswith(f"_{phase}"))


def environment_of(document):
    return document.get("environmentId") or document["metadata"]["environmentId"]


def logs_token(asking, document):
    body = {"environmentId": environment_of(document)}
    return asking.ask("EnvironmentService/CreateEnvironmentLogsToken", body)["accessToken"]


def told_url(asking, document, kind):
    rpc, field = {SERVICE: ("GetService", "service"), EXECUTION: ("GetTaskExecution", "taskExecution")}[kind]
    answer = asking.ask(f"EnvironmentAutomationService/{rpc}", {"id": document["id"]})
    return answer[field]["status"]["logUrl"]


def get(asking, document, kind, token=None):
    headers = {"authorization": f"Bearer {token or logs_token(asking, document)}"}
    return asking.client.get(told_url(asking, document, kind), headers=headers)


@pytest.fixture
def ready(asking):
    """A stand-in whose logs are not starting."""
    asking.sandbox.logs.warming = 0
    return asking


@pytest.mark.parametrize("rpc", ["GetService", "ListServices"])
def test_a_served_world_tells_addresses_that_lead_to_itself_in_json_and_by_the_stubs(asking, rpc):
    service = first(asking.world, SERVICE, "RUNNING")
    body = {"id": service["id"]} if rpc == "GetService" else {"filter": {"serviceIds": [service["id"]]}}
    told = asking.ask(f"EnvironmentAutomationService/{rpc}", body)
    # a charset keeps the quick way out of it
    again = asking.ask(f"EnvironmentAutomationService/{rpc}", body, **{"content-encoding": "identity"})
    path = f"/logs/{service['environmentId']}/service/{service['id']}"
    for answer in (told, again):
        document = answer["service"] if rpc == "GetService" else answer["services"][0]
        assert document["status"]["logUrl"] == asking.sandbox.base_url + path


def test_the_world_itself_keeps_addresses_that_do_not_depend_on_where_it_is_served(asking):
    service = first(asking.world, SERVICE, "RUNNING")
    assert service["status"]["logUrl"] == log_url(service["environmentId"], "service", service["id"])
    assert service["status"]["logUrl"].startswith("https://")


def test_a_log_wants_a_token_for_its_environment(ready):
    service = first(ready.world, SERVICE, "RUNNING")
    stranger = next(
        e.document()
        for e in ready.world.services.entries.values()
        if e.facts.environment != service["environmentId"]
    )  # fmt: skip
    assert ready.client.get(told_url(ready, service, SERVICE)).status_code == 401
    assert get(ready, service, SERVICE, ready.sandbox.token).status_code == 401
    assert get(ready, service, SERVICE, logs_token(ready, stranger)).status_code == 403


def test_a_token_for_logs_runs_out(ready):
    execution = first(ready.world, EXECUTION, "SUCCEEDED")
    token = logs_token(ready, execution)
    assert get(ready, execution, EXECUTION, token).status_code == 200
    ready.world.advance(timedelta(hours=1))
    assert get(ready, execution, EXECUTION, token).status_code == 401


def test_a_source_is_starting_for_the_first_two_requests(asking):
    execution = first(asking.world, EXECUTION, "SUCCEEDED")
    token = logs_token(asking, execution)
    assert [get(asking, execution, EXECUTION, token).status_code for _ in range(4)] == [502, 502, 200, 200]


@pytest.mark.parametrize(("phase", "mark"), [("SUCCEEDED", "✓"), ("FAILED", "✗")])
def test_an_execution_that_has_ended_tells_its_steps_and_how_it_ended(ready, phase, mark):
    execution = first(ready.world, EXECUTION, phase)
    text = get(ready, execution, EXECUTION).content.decode()
    assert text.splitlines()[-1].endswith(f"Execution {phase.lower()}.\x1b[0m")
    assert mark in text
    assert "\x1b[" in text
    command = execution["spec"]["plan"][0]["steps"][0]["task"]["spec"]["command"].splitlines()[0]
    assert f"$ {command}" in text
    assert get(ready, execution, EXECUTION).content.decode() == text


def test_a_log_of_nothing_known_is_not_found(ready):
    execution = first(ready.world, EXECUTION, "SUCCEEDED")
    url, token = told_url(ready, execution, EXECUTION), logs_token(ready, execution)
    headers = {"authorization": f"Bearer {token}"}
    assert ready.client.get(url.replace("task-execution", "service"), headers=headers).status_code == 404
    assert ready.client.get(f"{url}0", headers=headers).status_code == 404


class Following:
    """Reads a log in a thread."""

    def __init__(self, asking, document, kind):
        self.text, self.ended, self._url = "", False, told_url(asking, document, kind)
        self._headers = {"authorization": f"Bearer {logs_token(asking, document)}"}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with httpx.stream("GET", self._url, headers=self._headers, timeout=30) as response:
            for text in response.iter_text():
                self.text += text
        self.ended = True

    def until(self, condition):
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert condition(), self.text[-500:]


def test_a_running_execution_says_more_as_time_passes_and_ends_with_it(ready):
    running = first(ready.world, SERVICE, "RUNNING")["environmentId"]
    task = next(iter(ready.world.tasks.walk({"environment": [running]}))).document()
    answer = ready.ask("EnvironmentAutomationService/StartTask", {"id": task["id"]})
    following = Following(ready, answer["taskExecution"], EXECUTION)
    ready.world.advance(timedelta(seconds=15))
    following.until(lambda: "▶" in following.text)
    before = following.text
    assert not following.ended
    ready.world.advance(timedelta(hours=3))
    following.until(lambda: following.ended)
    assert following.text.startswith(before)
    assert "Execution " in following.text.splitlines()[-1]


def test_a_service_goes_on_until_it_is_stopped(ready):
    service = first(ready.world, SERVICE, "RUNNING")
    following = Following(ready, service, SERVICE)
    following.until(lambda: following.text.count("\n") >= 40)
    lines = following.text.count("\n")
    ready.world.advance(timedelta(seconds=30))
    following.until(lambda: following.text.count("\n") > lines)
    ready.ask("EnvironmentAutomationService/StopService", {"id": service["id"]})
    ready.world.advance(timedelta(minutes=1))
    following.until(lambda: following.ended)
    assert following.text.endswith("Stopped.\n")


def test_a_script_decides_what_a_log_does(asking):
    service = first(asking.world, SERVICE, "RUNNING")
    token, scripts = logs_token(asking, service), asking.sandbox.logs.scripts
    scripts[service["id"]] = LogScript(b"a\x00b", size=300_000)
    assert len(get(asking, service, SERVICE, token).content) == 300_003
    scripts[service["id"]] = LogScript(status=302, location="https://elsewhere.example/")
    assert get(asking, service, SERVICE, token).headers["location"] == "https://elsewhere.example/"
    scripts[service["id"]] = LogScript(b"only this", dies=True)
    with pytest.raises(httpx.HTTPError):
        get(asking, service, SERVICE, token)


def test_a_reader_who_leaves_is_no_longer_served(asking):
    service = first(asking.world, SERVICE, "RUNNING")
    asking.sandbox.logs.scripts[service["id"]] = LogScript(size=1, is_endless=True)
    headers = {"authorization": f"Bearer {logs_token(asking, service)}"}
    with httpx.stream("GET", told_url(asking, service, SERVICE), headers=headers, timeout=20) as response:
        next(response.iter_bytes())
        assert asking.sandbox.logs.open == 1
    deadline = time.monotonic() + 20
    while asking.sandbox.logs.open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert asking.sandbox.logs.open == 0
