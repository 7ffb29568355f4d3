"""How an edit is followed to the runner, by what Ona tells of it; and with the sandbox, as it happens."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from environments.actions import lifecycle, registry, specification
from environments.actions.acknowledgement import State, acknowledgement, is_edit, version_after
from environments.models import Environment, Phase
from portal.ledger.models import Operation, Outcome
from portal.sandbox import runner
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.editor import ED25519, cached

NOW = timezone.now()


def edit(
    action: registry.Action = specification.GIT, *, outcome: Outcome = Outcome.SUCCEEDED, **after: Any
) -> Operation:
    """An edit that made version 5, a minute ago."""
    closed_at = None if outcome == Outcome.PENDING else NOW - timedelta(minutes=1)
    return Operation(
        id=uuid.uuid4(), action=action.name, outcome=outcome, asked_at=NOW - timedelta(minutes=1),
        closed_at=closed_at, before={"specVersion": "4"}, after={"specVersion": "5", **after},
    )  # fmt: skip


def environment(
    acknowledged: int = 5, phase: str = Phase.RUNNING, code: str = "STATUS_CODE_OK", message: str = "", **status: Any
) -> Environment:
    ack = {"specVersion": str(acknowledged), "statusCode": code, "message": message}
    return Environment(phase=phase, spec={"specVersion": "5"}, status={"phase": phase, "runnerAck": ack, **status})


def test_an_edit_is_asked_for_until_the_runner_acknowledges_its_version() -> None:
    step = acknowledgement(environment(acknowledged=4), edit(), NOW)
    assert (step.state, step.is_final) == (State.ASKED, False)
    assert "version 5" in step.words
    assert "version 4" in step.words


def test_an_edit_that_is_not_acknowledged_in_two_minutes_is_flagged() -> None:
    for environment_ in (environment(acknowledged=4), Environment(phase=Phase.RUNNING)):
        step = acknowledgement(environment_, edit(), NOW + timedelta(minutes=2))
        assert (step.state, step.is_final) == (State.NOT_ACKNOWLEDGED, False)


@pytest.mark.parametrize("acknowledged", [5, 7])
def test_a_refusal_of_the_runner_is_told_with_its_message(acknowledged: int) -> None:
    refused = environment(acknowledged, code="STATUS_CODE_INVALID_RESOURCE", message="no such file")
    step = acknowledgement(refused, edit(), NOW)
    assert (step.state, step.message, step.is_final) == (State.REFUSED, "no such file", True)
    assert "invalid resource" in step.words
    assert ("later changes too" in step.words) == (acknowledged == 7)


def test_a_refusal_of_an_older_version_is_not_one_of_this_edit() -> None:
    older = environment(4, code="STATUS_CODE_FAILED_PRECONDITION")
    assert acknowledgement(older, edit(), NOW).state is State.ASKED


@pytest.mark.parametrize("acknowledged", [4, 5])
@pytest.mark.parametrize(
    ("phase", "words", "is_final"),
    [
        (Phase.STOPPED, "applied at the next start", True),
        (Phase.STOPPING, "applied at the next start", False),
        (Phase.STARTING, "applied during the start", False),
    ],
)
def test_an_environment_that_does_not_run_applies_it_when_it_does(
    acknowledged: int, phase: str, words: str, is_final: bool
) -> None:
    step = acknowledgement(environment(acknowledged, phase), edit(), NOW + timedelta(hours=1))
    assert step.state is (State.ASKED if acknowledged == 4 else State.ACKNOWLEDGED)
    assert words in step.words
    assert step.is_final is is_final


READY, RUNS = "CONTENT_PHASE_READY", "PHASE_RUNNING"
PORTS = {"ports": [{"port": 3000}, {"port": 8080}]}
KEYS = {"sshPublicKeys": [{"id": "a"}]}


@pytest.mark.parametrize(
    ("action", "after", "status", "state"),
    [
        (specification.PORTS, PORTS, {"environmentUrls": {"ports": [{"port": 3000}]}}, State.ACKNOWLEDGED),
        (specification.PORTS, PORTS, {"environmentUrls": {"ports": [{"port": 8080}, {"port": 3000}]}}, State.APPLIED),
        (specification.TIMEOUT, {"disconnected": "5400s"}, {"machine": {"timeout": "1800s"}}, State.ACKNOWLEDGED),
        (specification.TIMEOUT, {"disconnected": "5400s"}, {"machine": {"timeout": "5400.000s"}}, State.APPLIED),
        (specification.SSH_KEYS, KEYS, {"sshPublicKeys": [{"id": "a"}]}, State.ACKNOWLEDGED),
        (specification.SSH_KEYS, KEYS, {"sshPublicKeys": [{"id": "a", "phase": READY}]}, State.APPLIED),
        (
            specification.REBUILD,
            {"devcontainerSession": "new"},
            {"devcontainer": {"session": "old"}},
            State.ACKNOWLEDGED,
        ),
        (
            specification.REBUILD,
            {"devcontainerSession": "new"},
            {"devcontainer": {"session": "new", "phase": RUNS}},
            State.APPLIED,
        ),
        (specification.CONTENT, {"contentSession": "new"}, {"content": {"session": "new"}}, State.ACKNOWLEDGED),
        (
            specification.CONTENT,
            {"contentSession": "new"},
            {"content": {"session": "new", "phase": READY}},
            State.APPLIED,
        ),
        (
            specification.AUTOMATIONS_FILE,
            {"automationsFilePath": "a"},
            {"automationsFile": {"automationsFilePath": "a", "phase": READY}},
            State.APPLIED,
        ),
        (
            specification.DEVCONTAINER,
            {"devcontainerFilePath": "a"},
            {"devcontainer": {"devcontainerFilePath": "a"}},
            State.APPLIED,
        ),
    ],
)
def test_applied_is_told_by_the_parts_own_status(
    action: registry.Action, after: dict[str, Any], status: dict[str, Any], state: State
) -> None:
    assert acknowledgement(environment(**status), edit(action, **after), NOW).state is state


def test_what_ona_does_not_tell_is_not_called_applied() -> None:
    for action, after in ((specification.GIT, {}), (specification.TIMEOUT, {"disconnected": "0s"})):
        step = acknowledgement(environment(), edit(action, **after), NOW)
        assert (step.state, step.is_final) == (State.ACKNOWLEDGED, True)
        assert "does not report" in step.words


def test_a_failed_rebuild_is_not_awaited_for_ever() -> None:
    failed = environment(devcontainer={"session": "new", "phase": "PHASE_FAILED", "failureMessage": "no such image"})
    step = acknowledgement(failed, edit(specification.REBUILD, devcontainerSession="new"), NOW)
    assert (step.message, step.is_final) == ("no such image", True)
    step = acknowledgement(failed, edit(specification.REBUILD, devcontainerSession="newer"), NOW)
    assert (step.message, step.is_final) == ("", False)


def test_an_edit_without_an_answer_or_with_a_failure_is_told_as_such() -> None:
    assert acknowledgement(environment(), edit(outcome=Outcome.PENDING), NOW).state is State.ASKED
    assert acknowledgement(environment(), edit(outcome=Outcome.FAILED), NOW).state is State.FAILED
    unread = edit()
    unread.after = {}
    assert version_after(unread) == 5


def test_only_edits_of_the_specification_are_followed() -> None:
    assert is_edit(edit())
    assert not is_edit(edit(lifecycle.STOP))


@pytest.fixture
def ada(db: None) -> User:
    return factories.user("Admin", username="ada")


def timeout(sandbox: Sandbox, ada: User, temper: str = "") -> tuple[Environment, Operation]:
    sandbox.world.organization.policies.clear()
    identifier = sandbox.world.add_environment(Condition())
    if temper:
        sandbox.world.tempers[identifier] = temper
    environment_ = cached(sandbox, identifier)
    operation = specification.edit_timeout(environment=environment_, disconnected=timedelta(hours=5), actor=ada)
    return environment_, operation


def test_with_the_sandbox_an_edit_is_acknowledged_and_applied(sandbox: Sandbox, ada: User) -> None:
    environment_, operation = timeout(sandbox, ada)
    assert acknowledgement(environment_, operation).state is State.ASKED
    sandbox.world.advance(timedelta(seconds=5))
    assert acknowledgement(cached(sandbox, str(environment_.pk)), operation).state is State.APPLIED


def test_with_a_runner_that_refuses_or_is_deaf_an_edit_says_so(sandbox: Sandbox, ada: User) -> None:
    environment_, operation = timeout(sandbox, ada, runner.REFUSES)
    sandbox.world.advance(timedelta(seconds=5))
    step = acknowledgement(cached(sandbox, str(environment_.pk)), operation)
    assert step.state is State.REFUSED
    assert step.message
    environment_, operation = timeout(sandbox, ada, runner.DEAF)
    sandbox.world.advance(timedelta(seconds=130))
    later = timezone.now() + timedelta(seconds=130)
    step = acknowledgement(cached(sandbox, str(environment_.pk)), operation, later)
    assert step.state is State.NOT_ACKNOWLEDGED


def test_with_the_sandbox_new_keys_are_followed_until_they_are_in_place(sandbox: Sandbox, ada: User) -> None:
    environment_ = cached(sandbox, sandbox.world.add_environment(Condition()))
    operation = specification.edit_ssh_keys(environment=environment_, add=[f"{ED25519} ann"], actor=ada)
    assert acknowledgement(environment_, operation).state is State.ASKED
    sandbox.world.advance(timedelta(seconds=5))
    assert acknowledgement(cached(sandbox, str(environment_.pk)), operation).state is State.APPLIED
