"""Processes killed in the middle of a change: the ledger ends with what Ona's state proves, and with nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.actions.reconcile import settle_operations
from environments.models import Environment
from environments.sync.observe import observe
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.api.test_downloads import headers as bearer
from tests.environments.actions.kinds import KINDS, Kind
from tests.support import factories
from tests.support.profiles import THOROUGH

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[3]
LATE = timedelta(minutes=5)


class Victims:
    """Asks another process for changes, and kills it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/environments/actions/victim.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "portal.settings"},
        )

    def ask(
        self, sandbox: Sandbox, kind: str, environment: Environment, actor: User, dies: str = "", request: Any = None
    ) -> int:
        """Let a change begin, by a request to the REST API if there is one; the process id of who asks for it."""
        assert self.process.stdin is not None
        order = {
            "kind": kind,
            "environment": str(environment.pk),
            "actor": actor.pk,
            "dies": dies,
            "request": request,
            "base_url": sandbox.base_url,
            "token": sandbox.token,
            "database": connection.settings_dict["NAME"],
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def wait(self) -> None:
        """Until the process that was asked last is dead."""
        assert self._line() == "dead\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    made = Victims()
    yield made
    made.process.communicate(timeout=10)


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """Its clock stands still: what changes is what was asked for."""
    with connect(World(environments=5, seed=3, speed=0)) as server:
        yield server


def known(sandbox: Sandbox, kind: Kind) -> Environment:
    identifier = sandbox.world.add_environment(kind.condition)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    environment = Environment.objects.get(pk=identifier)
    kind.prepare(sandbox, environment)
    return environment


class Scene:
    """One kind of change, asked for in a process that dies somewhere."""

    def __init__(self, victims: Victims, sandbox: Sandbox, kind: str) -> None:
        self.victims, self.sandbox, self.name, self.kind = victims, sandbox, kind, KINDS[kind]
        self.actor = factories.user("Admin")

    def killed_by_itself(self, where: str) -> tuple[Operation, bool]:
        environment = known(self.sandbox, self.kind)
        before = self.kind.state(self.sandbox, environment)
        self._ask(environment, where)
        self.victims.wait()
        return self._settled(), self.kind.state(self.sandbox, environment) != before

    def killed_in_the_call(self, when: str, *, dropped: bool) -> tuple[Operation, bool]:
        environment = known(self.sandbox, self.kind)
        before = self.kind.state(self.sandbox, environment)
        with self.sandbox.hold(self.kind.rpc, when) as hold:  # type: ignore[arg-type]
            process = self._ask(environment)
            assert hold.arrived.wait(20)
            os.kill(process, signal.SIGKILL)
            self.victims.wait()
            if dropped:
                hold.drop()
        return self._settled(), self.kind.state(self.sandbox, environment) != before

    def _ask(self, environment: Environment, dies: str = "") -> int:
        return self.victims.ask(self.sandbox, self.name, environment, self.actor, dies)

    def _settled(self) -> Operation:
        operation = Operation.objects.newest_first()[0]
        assert (operation.outcome, operation.closed_at) == (Outcome.PENDING, None)
        settle_operations(timezone.now() + LATE)
        operation.refresh_from_db()
        assert operation.closed_at is not None
        assert operation.explanation
        return operation


class Repeated(Scene):
    """The same by a POST with an Idempotency-Key, which is repeated when its server died, and once more later."""

    def _ask(self, environment: Environment, dies: str = "") -> int:
        address = reverse("api:act-stop", args=[environment.pk])
        headers = {**bearer("Admin"), "Idempotency-Key": f"nightly-{environment.pk}"}
        self.request = (address, {"reason": "for a test"}, headers)
        return self.victims.ask(self.sandbox, self.name, environment, self.actor, dies, self.request)

    def _settled(self) -> Operation:
        calls, number = self.sandbox.requests[self.kind.rpc], Operation.objects.count()
        soon, operation, later = self._repeat(), super()._settled(), self._repeat()
        assert (soon.status_code, soon.json()["id"]) == (202, str(operation.pk))
        is_done = operation.outcome == Outcome.SUCCEEDED
        told = later.json() if is_done else later.json()["operation"]
        assert (later.status_code, told["id"]) == (200 if is_done else 409, str(operation.pk))
        assert (self.sandbox.requests[self.kind.rpc], Operation.objects.count()) == (calls, number)
        return operation

    def _repeat(self) -> Any:
        address, body, headers = self.request
        return Client().post(address, body, content_type="application/json", headers=headers)


def before_it_is_sent(scene: Scene) -> None:
    """After the row was committed: certainly not done."""
    operation, is_done = scene.killed_by_itself("sent")
    assert (operation.outcome, is_done) == (Outcome.FAILED, False)


def on_the_way(scene: Scene) -> None:
    """During the call, and Ona never gets it."""
    operation, is_done = scene.killed_in_the_call("before", dropped=True)
    assert not is_done
    assert operation.outcome == (Outcome.FAILED if scene.kind.leaves_a_trace else Outcome.UNKNOWN)


def before_the_answer(scene: Scene) -> None:
    """Between the work and the answer."""
    operation, is_done = scene.killed_in_the_call("after", dropped=False)
    assert is_done is scene.kind.leaves_a_trace
    assert operation.outcome == (Outcome.SUCCEEDED if scene.kind.leaves_a_trace else Outcome.UNKNOWN)


def before_it_is_closed(scene: Scene) -> None:
    """With the answer, before the row is closed."""
    operation, is_done = scene.killed_by_itself("close")
    assert is_done is scene.kind.leaves_a_trace
    assert operation.outcome == (Outcome.SUCCEEDED if scene.kind.leaves_a_trace else Outcome.UNKNOWN)


DEATHS = (before_it_is_sent, on_the_way, before_the_answer, before_it_is_closed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_leaves_a_row_that_ends_with_what_ona_proves(
    kind: str, victims: Victims, sandbox: Sandbox
) -> None:
    """Each kind dies all four deaths in the thorough profile; in the quick one two of them, by turns."""
    scene, number = Scene(victims, sandbox, kind), list(KINDS).index(kind)
    for death in DEATHS if THOROUGH else DEATHS[number % 2 :: 2]:
        death(scene)


def test_a_request_that_is_repeated_under_its_key_is_one_operation(victims: Victims, sandbox: Sandbox) -> None:
    """Whatever its server died of; and its answer is that of the operation."""
    scene = Repeated(victims, sandbox, "stop")
    for death in DEATHS:
        death(scene)
