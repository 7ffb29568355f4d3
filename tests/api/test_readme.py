"""The walk through the REST API in the README, as it stands there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from automations.models import Batch
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.api.documented import check
from tests.api.test_downloads import headers
from tests.environments.actions.test_acting import known

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    with connect(World(environments=3, seed=11)) as server:
        yield server


def commands() -> list[list[str]]:
    section = Path(settings.BASE_DIR, "README.md").read_text().partition("\n## REST API\n")[2].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^    (api (?!\(\)).*)$", section, re.MULTILINE)]


def run(client: Client, words: list[str], values: dict[str, str]) -> Any:
    """As curl would."""
    url, body, extra = "", None, {}
    for flag, value in zip(words, [*words[1:], ""], strict=True):
        if flag.startswith("$PORTAL"):
            url = re.sub(r"\$([A-Z]+)", lambda name: values[name[1]], flag.removeprefix("$PORTAL"))
        elif flag == "-d":
            body = value
        elif flag == "-H":
            name, _, text = value.partition(": ")
            extra[name] = text
    if body is None:
        return client.get(url, headers=extra)
    return client.post(url, body, content_type="application/json", headers=extra)


def test_each_command_of_the_walk_is_answered(sandbox: Sandbox) -> None:
    environment = known(sandbox)
    known(sandbox)
    client, values = Client(headers=headers("Admin")), {"ID": str(environment.pk), "BATCH": ""}
    for words in commands():
        values["BATCH"] = str(Batch.objects.values_list("pk", flat=True).first() or "")
        answer = run(client, words, values)
        content = b"".join(answer) if answer.streaming else answer.content
        assert answer.status_code in (200, 202), (words, content)
        check(answer)
    assert len(commands()) == 8
    assert set(Operation.objects.values_list("action", flat=True)) >= {"environment.stop", "batch.environment_stop"}
