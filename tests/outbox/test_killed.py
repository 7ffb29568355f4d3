"""Workers killed at any point amid a receiver's troubles: every event arrives, in order, repeats under the same id."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from environments.models import Environment, Field
from portal.outbox.models import Attempt, Destination, Message
from tests.support import audits, factories
from tests.support.operations import operation
from tests.support.outbox import destination as webhook
from tests.support.profiles import THOROUGH

from .conftest import let_pass
from .receiver import CLOSE, OK, SILENT, Receiver

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
KILLS = 20 if THOROUGH else 7
TROUBLE = (OK, OK, OK, 500, CLOSE, (429, {"Retry-After": "1"}), SILENT)
DEATHS = ("_record", "", "_attempt", "_renew", "_after_failure", "_claim")


class Workers:
    """Starts workers, and tells how they ended."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        env = os.environ | {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "portal.settings"}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/outbox/worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT, env=env,
        )  # fmt: skip

    def start(self, dies: str = "", after: int = 0) -> int:
        line = {"database": connection.settings_dict["NAME"], "origins": [self.receiver.origin], "timeout": 0.3}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line | {"dies": dies, "after": after}) + "\n")
        self.process.stdin.flush()
        return self._line()

    def was_killed(self) -> bool:
        """Once it has ended."""
        return self._line() == signal.SIGKILL

    def _line(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


@pytest.fixture
def workers(receiver: Receiver) -> Iterator[Workers]:
    made = Workers(receiver)
    yield made
    made.process.communicate(timeout=10)


def happen(environments: list[Environment], number: int) -> None:
    for environment in environments:
        if number % 3:
            audits.moved(environment, Field.FAILURE, "", str(number), by=timezone.now())
        else:
            operation(environment_id=environment.pk, reason=str(number))


def killed(workers: Workers, receiver: Receiver, death: str) -> bool:
    """Start a worker that dies there, or is killed while the receiver has its request; whether it was killed."""
    if death:
        workers.start(death, random.randrange(4) if death in ("_record", "_attempt", "_renew") else 0)
        return workers.was_killed()
    receiver.let_go.clear()
    receiver.script.appendleft(SILENT)
    number = len(receiver.got)
    process = workers.start()
    if receiver.wait_for(number + 1, 5):
        os.kill(process, signal.SIGKILL)
    receiver.let_go.set()
    return workers.was_killed()


def test_every_event_arrives_in_order_whenever_workers_are_killed(workers: Workers, receiver: Receiver) -> None:
    webhook(receiver.url)
    environments, kills = [factories.environment() for _ in range(5)], 0
    while kills < KILLS:
        happen(environments, kills)
        receiver.script = deque(random.choices(TROUBLE, k=8))
        receiver.let_go.set()
        kills += killed(workers, receiver, DEATHS[kills % len(DEATHS)])
        let_pass(timedelta(hours=1))
    receiver.script.clear()
    for _ in range(3):
        workers.start()
        assert not workers.was_killed()
        let_pass(timedelta(hours=1))
    assert set(Message.objects.values_list("state", flat=True)) == {"delivered"}

    expected: dict[str, list[str]] = defaultdict(list)
    for message in Message.objects.order_by("pk"):
        expected[str(message.environment_id)].append(str(message.message_id))
    accepted: dict[str, list[str]] = defaultdict(list)
    for each in receiver.got:
        got, told = accepted[each.event["data"]["environment_id"]], expected[each.event["data"]["environment_id"]]
        assert each.identity in told[: len(got) + 1], "it came before one that comes first"
        if each.answered == OK and each.identity not in got:
            got.append(each.identity)
    assert accepted == expected
    repeats = len(receiver.got) - sum(map(len, expected.values()))
    assert repeats, "nothing was tried twice"
    assert Attempt.objects.count() >= len(receiver.got)
    assert Destination.objects.get().lease is None
