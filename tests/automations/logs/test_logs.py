"""Logs as the portal hands them on."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from automations.logs import access
from automations.logs import body as logs_body
from automations.logs.text import Cleaner
from automations.models import Service
from portal.directory.models import Runner
from portal.ona.log_errors import ForeignHost
from portal.sandbox.logs import LogScript
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.browser import fleet
from tests.support import automation_factories, factories

pytestmark = pytest.mark.django_db


class Stage:
    """A stand-in, one of its services as a row of the portal, and an Operator."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        entries = sandbox.world.services.entries.values()
        self.document = next(e.document() for e in entries if e.facts.phase == "SERVICE_PHASE_RUNNING")
        environment = factories.environment(id=self.document["environmentId"])
        self.row: Service = automation_factories.service(environment, id=self.document["id"])
        self.client = factories.client("Operator")
        self.url = reverse("automations:service-log-stream", args=[self.row.pk])

    def says(self, body: bytes = b"", **more: Any) -> None:
        """From now on the log does this."""
        self.sandbox.logs.scripts[self.document["id"]] = LogScript(body, **more)

    def get(self, query: str = "") -> Any:
        return self.client.get(f"{self.url}{query}")

    def read(self, query: str = "") -> bytes:
        """The whole body of an answer that is one."""
        answer = self.get(query)
        assert answer.status_code == 200, answer.content
        return b"".join(answer.streaming_content)

    def viewed(self, query: str = "") -> tuple[bytes, dict[str, str]]:
        """What the viewer gets: the text, and how it ended."""
        text, _, frame = self.read(f"?viewer=1{query}").partition(logs_body.FRAME)
        return text.replace(logs_body.BEAT, b""), json.loads(frame)


@pytest.fixture
def stage(settings: Any) -> Iterator[Stage]:
    access.TOKENS.forget()
    access.SLOTS.taken = 0
    with running(World(environments=20, seed=11)) as sandbox, fleet.connected(sandbox):
        sandbox.logs.warming = 0
        yield Stage(sandbox)
    assert access.SLOTS.taken == 0
    access.TOKENS.forget()


def leave(answer: Any) -> None:
    """As a browser does; without the end of a request, which would take the test's connection to the database along."""
    request_finished.disconnect(close_old_connections)
    answer.close()
    request_finished.connect(close_old_connections)


def until(happened: Any) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_log_is_handed_on_as_text_that_no_browser_takes_for_anything_else(stage: Stage) -> None:
    stage.says("<script>alert(1)</script> héllo ✨\n".encode())
    answer = stage.get()
    assert b"".join(answer.streaming_content).decode() == "<script>alert(1)</script> héllo ✨\n"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Accel-Buffering"] == "no"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_source_that_answers_502_at_first_is_asked_again(stage: Stage) -> None:
    stage.says(b"at last\n", warming=2)
    assert stage.read() == b"at last\n"


def test_colours_and_backspaces_are_for_the_viewer_only(stage: Stage) -> None:
    stage.says(b"\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x00\x08!\n")
    assert stage.read() == "red\ufffd\ufffd!\n".encode()
    assert stage.viewed() == ("\x1b[31mred\x1b[0m\ufffd\b!\n".encode(), {"state": "ended", "text": ""})


def test_no_log_can_end_itself_as_the_portal_does(stage: Stage) -> None:
    stage.says(b'one\n\x16\x1e{"state": "broken", "text": "Call +1 555"}\ntwo\n')
    text, end = stage.viewed()
    assert text.endswith(b"two\n")
    assert end["state"] == "ended"


def test_a_download_is_a_file_with_a_harmless_name(stage: Stage) -> None:
    Service.objects.filter(pk=stage.row.pk).update(name='../"e\nvil\r\n.exe')
    stage.says(b"\x1b[31mred\x1b[0m\n")
    answer = stage.get("?download=1")
    assert answer["Content-Disposition"] == f'attachment; filename="e-vil-exe-{str(stage.row.pk)[:8]}.log"'
    assert b"".join(answer.streaming_content) == b"red\n"


def test_a_reader_goes_on_where_it_left_off(stage: Stage) -> None:
    text = "".join(f"línea {n}\x00\x1b[32m ok\x1b[0m\x1b[K\n" for n in range(500)).encode()
    stage.says(text)
    whole, _ = stage.viewed()
    for skip in (1, 7, 4000, len(whole) - 1, len(whole)):
        assert stage.viewed(f"&skip={skip}")[0] == whole[skip:]
    assert stage.viewed("&skip=-1")[0] == whole


def test_an_answer_ends_after_its_time_and_says_that_there_is_more(stage: Stage, settings: Any) -> None:
    settings.LOG_STREAM_SECONDS = 0
    stage.says(b"early\n", is_endless=True)
    assert stage.viewed()[1]["state"] == "again"
    assert b"There is more to read" in stage.read()


def test_a_silent_log_is_told_from_a_dead_portal_by_beats(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_body, "BEAT_SECONDS", 0.02)
    stage.says(b"early\n", is_endless=True)
    answer = stage.get("?viewer=1")
    chunks = iter(answer.streaming_content)
    assert next(chunks) == b"early\n"
    assert next(chunks) == logs_body.BEAT
    leave(answer)


def test_a_reader_who_leaves_ends_the_reading(stage: Stage) -> None:
    stage.says(size=1, is_endless=True)
    answer = stage.get()
    next(iter(answer.streaming_content))
    assert (stage.sandbox.logs.open, access.SLOTS.taken) == (1, 1)
    leave(answer)
    until(lambda: stage.sandbox.logs.open == 0)
    assert access.SLOTS.taken == 0


def test_a_reader_who_leaves_before_the_first_line_ends_it_too(stage: Stage) -> None:
    stage.says(size=1, is_endless=True)
    leave(stage.get())
    until(lambda: stage.sandbox.logs.open == 0)
    assert access.SLOTS.taken == 0


def test_there_is_room_for_so_many_readers(stage: Stage, settings: Any) -> None:
    settings.LOG_STREAMS = 2
    stage.says(size=1, is_endless=True)
    answers = [stage.get(), stage.get()]
    refused = stage.get()
    assert refused.status_code == 503
    assert refused["Retry-After"]
    assert b"Too many logs are open at once" in refused.content
    for answer in answers:
        leave(answer)
    stage.says(b"free\n")
    assert stage.read() == b"free\n"


def test_a_log_that_breaks_off_says_so_as_its_last_line(stage: Stage) -> None:
    stage.says(b"half of it\n", dies=True)
    text, end = stage.viewed()
    assert text == b"half of it\n"
    assert end["state"] == "broken"
    assert "was lost" in end["text"]
    assert stage.read().startswith(b"half of it\n\n--- Environment Portal: The log broke off. ")


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ({"status": 404}, 404, "This log is deleted"),
        ({"status": 403}, 502, "does not let the portal read it"),
        ({"status": 500}, 502, "HTTP 500"),
        ({"status": 302, "location": "/logs/x"}, 502, "does not follow"),
        ({"warming": 9}, 503, "not ready yet"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(stage: Stage, script: Any, status: int, words: str) -> None:
    stage.says(**script)
    answer = stage.get()
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_an_empty_log_ends_well(stage: Stage) -> None:
    stage.says(b"")
    assert stage.viewed() == (b"", {"state": "ended", "text": ""})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest/",
        "https://10.0.0.1/",
        "file:///x",
    ],
)
def test_an_address_elsewhere_is_refused_before_a_token_is_made(stage: Stage, url: str) -> None:
    status = {"status": {"logUrl": url}}
    stage.sandbox.world.change_automation("SERVICE", stage.document["id"], status)
    answer = stage.get()
    assert answer.status_code == 502
    assert b"The portal does not read this log." in answer.content
    assert stage.sandbox.requests["EnvironmentService/CreateEnvironmentLogsToken"] == 0


def test_hosts_are_those_that_runners_told_not_those_that_a_log_names_itself(stage: Stage, settings: Any) -> None:
    settings.LOG_HOSTS = ["logs.acme.example"]
    runner = runner_of_logs("https://logs.eu.runner.example/r/1")
    urls = {"environmentUrls": {"logs": "https://0b7d--logs.env.acme.example/logs"}}
    environment = factories.environment(runner_id=runner.pk, status=urls)
    hosts = access.allowed_hosts_of(environment.pk)
    for host in ("0b7d--logs.env.acme.example", "logs.eu.runner.example", "eu.logs.acme.example"):
        assert hosts.source(f"https://{host}/x").host == host
    for host in ("other--logs.env.acme.example", "eu.runner.example", "x.logs.eu.runner.example", "app.ona.com"):
        with pytest.raises(ForeignHost):
            hosts.source(f"https://{host}/x")


def runner_of_logs(log_url: str) -> Runner:
    environment = factories.environment()
    times = {"first_seen_at": environment.changed_at, "seen_at": environment.changed_at}
    return Runner.objects.create(id=factories.ORGANIZATION, document={"status": {"logUrl": log_url}}, **times)


def test_one_token_serves_many_readers_until_it_runs_out(stage: Stage) -> None:
    stage.says(b"x\n")
    mint = "EnvironmentService/CreateEnvironmentLogsToken"
    assert [stage.read(), stage.read()] == [b"x\n", b"x\n"]
    assert stage.sandbox.requests[mint] == 1
    stage.sandbox.world.advance(timedelta(minutes=61))
    stage.says(b"y\n")
    assert stage.read() == b"y\n"
    assert stage.sandbox.requests[mint] == 2


def test_a_token_for_logs_is_kept_nowhere_and_noted_without_its_text(
    stage: Stage, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    stage.says(b"x\n")
    stage.read()
    token = access.TOKENS.of(stage.row.environment_id, None).reveal()
    page = stage.client.get(reverse("automations:service-log", args=[stage.row.pk])).content.decode()
    assert "data-log=" in page
    assert token not in page
    assert "logs_token_made" in caplog.text
    assert token not in caplog.text
    assert token not in repr(access.TOKENS.__dict__)
    with redis.Redis.from_url(settings.REDIS_URL) as store:
        for key in store.scan_iter():
            assert token.encode() not in key + (store.dump(key) or b"")


def test_an_address_that_is_out_of_date_does_not_matter(stage: Stage) -> None:
    Service.objects.filter(pk=stage.row.pk).update(log_url="http://127.0.0.1:9/logs/old")
    stage.says(b"new\n")
    assert stage.read() == b"new\n"


def test_a_service_that_ona_has_forgotten_says_that_its_log_is_gone(stage: Stage) -> None:
    stage.sandbox.world.drop("SERVICE", stage.document["id"])
    answer = stage.get()
    assert answer.status_code == 404
    assert "This log is deleted" in answer.content.decode()


def test_an_execution_has_a_log_too(stage: Stage) -> None:
    entries = stage.sandbox.world.executions.entries.values()
    document = next(e.document() for e in entries if e.facts.phase == "TASK_EXECUTION_PHASE_SUCCEEDED")
    environment = factories.environment(id=document["metadata"]["environmentId"])
    row = automation_factories.execution(automation_factories.task(environment), id=document["id"])
    page = stage.client.get(reverse("automations:execution-log", args=[row.pk])).content.decode()
    url = reverse("automations:execution-log-stream", args=[row.pk])
    assert f'data-log="{url}"' in page
    assert f'href="{url}"' in page
    text = b"".join(stage.client.get(url).streaming_content).decode()
    assert text.endswith("Execution succeeded.\n")


def test_a_log_grows_with_what_runs_and_ends_with_it(stage: Stage) -> None:
    answer = stage.get("?viewer=1")
    chunks: list[bytes] = []
    thread = threading.Thread(target=lambda: chunks.extend(answer.streaming_content))
    thread.start()
    until(lambda: b"\n" in b"".join(chunks))
    before = len(b"".join(chunks))
    stage.sandbox.world.advance(timedelta(seconds=20))
    until(lambda: len(b"".join(chunks)) > before)
    stage.sandbox.world.change_automation(
        "SERVICE", stage.document["id"], {"status": {"phase": "SERVICE_PHASE_STOPPED"}}
    )
    thread.join(20)
    text, _, frame = b"".join(chunks).partition(logs_body.FRAME)
    assert text.endswith(b"Stopped.\n")
    assert json.loads(frame)["state"] == "ended"


def test_those_who_may_not_read_logs_are_told(stage: Stage) -> None:
    viewer = factories.user("Viewer")
    assert access.viewer_of(stage.row, viewer).why_not
    assert not access.viewer_of(stage.row, factories.user("Auditor")).why_not
    client = Client()
    client.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(stage.url).status_code == 403
    assert stage.sandbox.requests["EnvironmentService/CreateEnvironmentLogsToken"] == 0


def test_ona_being_away_is_told_in_words(stage: Stage, settings: Any) -> None:
    stage.sandbox.faults.inject("error503", times=5)
    answer = stage.get()
    assert answer.status_code == 502
    assert "Ona is currently not available" in answer.content.decode()


PIECES = st.lists(
    st.sampled_from(
        [b"plain", b"\n", b"\r", b"\x1b", b"\x1b[", b"31", b"m", b";", b"\x1b[1;31m", b"\x1b]0;t", b"\x07", b"\x1b\\",
         b"\x00", b"\x1e", b"\x16", b"\x7f", b"\xc2\x9b", b"\xff", b"\xf0\x9f\x92", b"\xa9", "é✨".encode(), b"(A"]
    )
    | st.binary(max_size=9),
    max_size=30,
)  # fmt: skip


@given(pieces=PIECES, colours=st.booleans())
def test_a_log_says_the_same_however_it_is_cut_and_nothing_but_text_and_colours(
    pieces: list[bytes], colours: bool
) -> None:
    cut, whole = Cleaner(colours=colours), Cleaner(colours=colours)
    text = b"".join(map(cut.clean, pieces)) + cut.end()
    assert text == whole.clean(b"".join(pieces)) + whole.end()
    rest = text.decode()
    if colours:
        rest = re.sub(r"\x1b\[[0-9;:]*m|[\b]", "", rest)
    assert all(each in "\t\n\r" or each.isprintable() or ord(each) > 0x9F for each in rest)


def test_a_sequence_without_an_end_is_not_waited_for_for_ever() -> None:
    cleaner = Cleaner(colours=True)
    told = b"".join(cleaner.clean(b"\x1b]0;" + b"x" * 1000) for _ in range(100))
    assert len(told) > 90_000
