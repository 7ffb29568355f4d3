"""Actions on environments against the stand-in Ona: what Ona gets, what the ledger keeps, what the cache then shows."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from environments.actions import lifecycle, metadata, registry
from environments.actions.execute import NotPossible, ReasonMissing
from environments.models import Environment, Phase, Transition
from environments.sync.observe import observe
from portal.directory import connection
from portal.ledger import recording
from portal.ledger.models import Operation, Origin, Outcome
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.databases import full_disk

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return factories.user("Admin", username="ann")


def known(sandbox: Sandbox, condition: Condition | None = None, **parts: Any) -> Environment:
    """A new environment of the sandbox's, in the cache."""
    identifier = sandbox.world.add_environment(condition, **parts)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    return Environment.objects.get(pk=identifier)


def document(sandbox: Sandbox, environment: Environment) -> dict[str, Any]:
    return sandbox.world.document(str(environment.pk))


def test_a_stop_is_asked_for_recorded_and_read_back(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    before = environment.spec_version
    operation = lifecycle.stop_environment(environment=environment, actor=admin, reason=" it burns money ")
    assert document(sandbox, environment)["spec"]["desiredPhase"] == Phase.STOPPED
    assert environment.phase == Phase.STOPPING  # read back at once
    assert Transition.objects.filter(environment=environment, new=Phase.STOPPING).exists()
    operation.refresh_from_db()
    assert (operation.outcome, operation.actor_name, operation.reason) == (Outcome.SUCCEEDED, "ann", "it burns money")
    assert operation.action == "environment.stop"
    assert (operation.target_id, operation.target_name) == (environment.pk, environment.name)
    assert operation.before == {
        "phase": Phase.RUNNING, "desiredPhase": Phase.RUNNING, "specVersion": str(int(before)),
        "lastStartedAt": recording.plain({"at": environment.last_started_at})["at"],
    }  # fmt: skip
    assert operation.after == {"desiredPhase": Phase.STOPPED, "specVersion": str(int(before) + 1)}
    assert operation.request == {"environmentId": str(environment.pk)}
    assert operation.asked_at <= operation.sent_at <= operation.closed_at


def test_what_ona_has_now_is_what_the_ledger_calls_before(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    sandbox.world.change(str(environment.pk), metadata={"name": "renamed elsewhere"})
    operation = metadata.rename_environment(environment=environment, name="mine", actor=admin)
    assert operation.before == {"name": "renamed elsewhere"}
    assert document(sandbox, environment)["metadata"]["name"] == "mine"


def starting(environment: Environment, **asked: Any) -> Operation:
    return lifecycle.start_environment(environment=environment, **asked)


def test_a_stopped_environment_is_started(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    assert starting(environment, actor=admin).outcome == Outcome.SUCCEEDED
    assert environment.phase == Phase.STARTING


def test_what_could_not_be_recorded_is_not_sent(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    with full_disk(), pytest.raises(NotPossible, match=r"no space left.*was not sent to Ona"):
        metadata.rename_environment(environment=environment, name="mine", actor=admin)
    assert document(sandbox, environment)["metadata"]["name"] == environment.name != "mine"
    assert not Operation.objects.exists()


def test_keeping_awake_shows_who_did_and_when(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    operation = lifecycle.mark_environment_active(environment=environment, actor=admin)
    signal = document(sandbox, environment)["status"]["activitySignal"]
    assert signal["source"] == "Environment Portal: ann"
    assert environment.active_at >= operation.asked_at - timedelta(seconds=5)


def test_archiving_and_unarchiving(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    lifecycle.archive_environment(environment=environment, actor=admin, reason="unused")
    assert environment.archived_at is not None
    lifecycle.unarchive_environment(environment=environment, actor=admin)
    assert environment.archived_at is None


@pytest.mark.parametrize("force", [False, True])
def test_deleting(sandbox: Sandbox, admin: User, *, force: bool) -> None:
    environment = known(sandbox)
    operation = lifecycle.delete_environment(environment=environment, force=force, actor=admin, reason="done with")
    assert operation.action == ("environment.force_delete" if force else "environment.delete")
    assert operation.request.get("force", False) is force
    assert environment.phase == (Phase.DELETING if force else Phase.STOPPING)


def test_a_lockdown_is_set_moved_and_cleared(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    for days in (3, 9):
        at = timezone.now() + timedelta(days=days)
        metadata.set_lockdown(environment=environment, at=at, actor=admin, reason="audit")
        assert abs(environment.lockdown_at - at) < timedelta(seconds=1)
    operation = metadata.clear_lockdown(environment=environment, actor=admin, reason="audit over")
    assert environment.lockdown_at is None
    assert operation.after["lockdownAt"] is None
    assert operation.before["lockdownAt"].startswith(f"{at:%Y-%m-%d}")


def test_a_lockdown_in_the_past_is_refused_before_ona_is_asked(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    with pytest.raises(NotPossible, match="in the future"):
        metadata.set_lockdown(environment=environment, at=timezone.now(), actor=admin, reason="audit")
    assert sandbox.requests["EnvironmentService/UpdateEnvironment"] == 0


def test_ona_s_refusal_is_kept_with_its_reason_and_said_in_plain_words(sandbox: Sandbox, admin: User) -> None:
    past = (timezone.now() - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    environment = known(sandbox, Condition("STOPPED"), metadata={"lockdownAt": past})
    sandbox.world.organization.policies["maximumEnvironmentLifetimeStrict"] = True
    operation = starting(environment, actor=admin)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "failed_precondition")
    assert "move its lockdown" in operation.explanation
    assert operation.closed_at is not None


def test_sending_a_form_twice_makes_one_operation(sandbox: Sandbox, admin: User) -> None:
    environment, identifier = known(sandbox, Condition("STOPPED")), uuid.uuid4()
    first, second = (starting(environment, actor=admin, operation_id=identifier) for _ in range(2))
    assert first == second
    assert Operation.objects.count() == 1
    assert sandbox.requests["EnvironmentService/StartEnvironment"] == 1


def test_an_operation_s_id_is_not_used_for_something_else(sandbox: Sandbox, admin: User) -> None:
    environment, identifier = known(sandbox, Condition("STOPPED")), uuid.uuid4()
    starting(environment, actor=admin, operation_id=identifier)
    other = factories.user("Admin")
    for attempt in (
        lambda: starting(environment, actor=other, operation_id=identifier),
        lambda: starting(known(sandbox, Condition("STOPPED")), actor=admin, operation_id=identifier),
        lambda: metadata.rename_environment(environment=environment, name="x", actor=admin, operation_id=identifier),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert Operation.objects.count() == 1


def test_an_environment_deleted_meanwhile_ends_in_a_failed_row_and_is_gone(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    sandbox.world.remove(str(environment.pk))
    operation = lifecycle.stop_environment(environment=environment, actor=admin, reason="x")
    assert (operation.outcome, operation.code, operation.sent_at) == (Outcome.FAILED, "not_found", None)
    assert environment.gone_at is not None


def test_a_revoked_token_ends_in_a_failed_row(sandbox: Sandbox, admin: User, settings: Any) -> None:
    environment = known(sandbox)
    settings.ONA_API_KEY = "revoked"
    connection._client.cache_clear()
    operation = lifecycle.stop_environment(environment=environment, actor=admin, reason="x")
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "unauthenticated")
    assert "ONA_API_KEY" in operation.explanation


def test_ona_away_ends_in_a_failed_row_since_nothing_was_sent(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    sandbox.faults.inject("reset", rpc="EnvironmentService/GetEnvironment")
    operation = lifecycle.stop_environment(environment=environment, actor=admin, reason="x")
    assert (operation.outcome, operation.sent_at) == (Outcome.FAILED, None)
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 0


def test_an_answer_that_was_lost_leaves_the_row_unknown_and_open(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox)
    sandbox.faults.inject("reset_after", rpc="EnvironmentService/StopEnvironment")
    operation = lifecycle.stop_environment(environment=environment, actor=admin, reason="x")
    assert (operation.outcome, operation.is_open) == (Outcome.UNKNOWN, True)
    assert "unknown" in operation.explanation


def test_a_read_back_that_fails_does_not_make_a_failure_of_what_was_done(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    with sandbox.hold("EnvironmentService/StartEnvironment", "after") as hold:

        def trouble() -> None:
            hold.arrived.wait(10)
            sandbox.faults.inject("reset", rpc="EnvironmentService/GetEnvironment")
            hold.release()

        threading.Thread(target=trouble).start()
        operation = starting(environment, actor=admin)
    assert operation.outcome == Outcome.SUCCEEDED
    assert operation.after == {"desiredPhase": Phase.RUNNING}
    assert environment.phase == Phase.STOPPED  # until the next sweep


def test_the_row_is_committed_before_ona_is_called(admin: User) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        recording.begin("environment.stop", recording.Target("environment", None, "x"), {"actor": admin})


def test_operations_tell_where_they_were_asked_for(sandbox: Sandbox, admin: User) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    assert starting(environment, actor=admin, origin=Origin.COMMAND).origin == Origin.COMMAND


WITH_ARGUMENTS: dict[str, tuple[Callable[..., Operation], dict[str, Any]]] = {
    "start": (lifecycle.start_environment, {}),
    "stop": (lifecycle.stop_environment, {}),
    "mark_active": (lifecycle.mark_environment_active, {}),
    "archive": (lifecycle.archive_environment, {}),
    "unarchive": (lifecycle.unarchive_environment, {}),
    "delete": (lifecycle.delete_environment, {}),
    "force_delete": (lifecycle.delete_environment, {"force": True}),
    "rename": (metadata.rename_environment, {"name": "x"}),
    "set_lockdown": (metadata.set_lockdown, {"at": timezone.now() + timedelta(days=400)}),
    "clear_lockdown": (metadata.clear_lockdown, {}),
}


@pytest.mark.parametrize(
    "name", [name for name in WITH_ARGUMENTS if registry.ACTIONS[f"environment.{name}"].needs_reason]
)
def test_what_destroys_wants_a_reason(name: str, admin: User) -> None:
    act, arguments = WITH_ARGUMENTS[name]
    with pytest.raises(ReasonMissing):
        act(environment=factories.environment(), actor=admin, reason="  ", **arguments)
    assert Operation.objects.count() == 0
