"""The walks in the README, through the REST API with curl and with the command line, as they stand there."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from portalctl.api import Api
from portalctl.main import run as run_portalctl

from automations.batches.worker import drive_batches
from automations.models import Batch, ItemState
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.api.documented import check
from tests.automations.batches.batching import with_task
from tests.cli.wire import Losing
from tests.support import factories
from tests.support.audits import swept
from tests.support.jobs import run_next

pytestmark = pytest.mark.django_db(transaction=True)


class Walk:
    """Two environments that have the task of the README, and what its variables hold at a time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.logs.warming = 0
        self.id, _ = with_task(sandbox, 2)
        now = timezone.now()
        long_ago = now - timedelta(days=9)
        factories.environment(name="lost-otter", failure="boom", first_seen_at=long_ago, created_at=long_ago)
        swept(now - timedelta(days=2), now - timedelta(hours=25))
        self.yesterday = f"{now - timedelta(days=1):%Y-%m-%dT%H:%MZ}"
        User.objects.create_superuser("ann")
        (made,) = re.findall(r"export TOKEN=\$\(\S+ -m portal.local manage (.*)\)", section())
        told = io.StringIO()
        call_command(*shlex.split(made.replace("$ME", "ann")), stdout=told, stderr=io.StringIO())
        self.token = told.getvalue().strip()

    def filled_in(self, line: str) -> list[str]:
        """The words of a command, with the values of its variables."""
        batch = Batch.objects.order_by("-asked_at").first()
        item = batch and batch.items.exclude(execution_id=None).first()
        values = {
            "PORTAL": "", "ID": self.id, "YESTERDAY": self.yesterday, "BATCH": str(batch and batch.pk),
            "EXECUTION": str(item and item.execution_id), "JOB": self.job if "$JOB" in line else "",
        }  # fmt: skip
        return [re.sub(r"\$([A-Z]+)", lambda name: values[name[1]], word) for word in shlex.split(line)]

    @cached_property
    def job(self) -> str:
        """A background job of the token's, which has ended."""
        answer = Client(headers={"Authorization": f"Bearer {self.token}"}).post("/api/v1/operations/verify/")
        assert run_next()
        return str(answer.json()["id"])

    def go_on(self, _: float = 0) -> None:
        """Time passes: workers begin what is to be done, and it is done."""
        self.sandbox.world.agenda.items.clear()
        for _ in range(4):
            drive_batches()
            self.sandbox.world.advance(timedelta(minutes=20))

    def is_over(self) -> bool:
        """Whether everything was done that the walk requests, and once."""
        done = sorted(Operation.objects.filter(parent_id=None).values_list("action", flat=True))
        items = Batch.objects.get().items
        return done == DONE and items.filter(state=ItemState.SUCCEEDED).count() == items.count() == 1


DONE = ["api_token.create", "batch.task_start", "environment.stop", "evidence.make"]


@pytest.fixture
def walk(connect: Callable[..., Any]) -> Iterator[Walk]:
    with connect(World(environments=3, seed=11, speed=0)) as server:
        yield Walk(server)


def section() -> str:
    return Path(settings.BASE_DIR, "README.md").read_text().partition("\n## REST API\n")[2].partition("\n## ")[0]


def commands(name: str) -> list[str]:
    return re.findall(rf"^    ({name} .*)$", section(), re.MULTILINE)


def curl(client: Client, words: list[str]) -> Any:
    """As curl would."""
    url, body, extra = "", None, {}
    for flag, value in zip(words, [*words[1:], ""], strict=True):
        if flag.startswith("/api/"):
            url = flag
        elif flag == "-d":
            body = value
        elif flag == "-H":
            name, _, text = value.partition(": ")
            extra[name] = text
    if body is None:
        return client.get(url, headers=extra)
    return client.post(url, body, content_type="application/json", headers=extra)


def test_each_command_with_curl_is_answered(walk: Walk) -> None:
    client = Client(headers={"Authorization": f"Bearer {walk.token}"})
    lines = commands(r"api(?! *\()")
    for line in lines:
        answer = curl(client, walk.filled_in(line))
        content = b"".join(answer) if answer.streaming else answer.content
        assert answer.status_code in (200, 202), (line, content)
        assert b"lost-otter" in content or "as_of" not in line, line
        assert content, line
        check(answer)
        walk.go_on()
    assert len(lines) == 12
    assert walk.is_over()


def test_each_command_with_the_command_line_does_the_same(
    walk: Walk, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    api = Api("http://localhost", walk.token, transport=Losing(), sleep=walk.go_on)
    lines = commands("portalctl")
    for line in lines:
        status = run_portalctl(walk.filled_in(line)[1:], api)
        said = capfdbinary.readouterr()
        assert status == 0, (line, said.err)
        assert b"lost-otter" in said.out or "--as-of" not in line, line
        assert said.out or "evidence" in line, line
    assert len(lines) == 7
    assert walk.is_over()
    assert Path("evidence.zip").read_bytes().startswith(b"PK")
