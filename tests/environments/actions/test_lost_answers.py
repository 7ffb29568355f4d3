"""A lost answer: what is said of it rests on everything that Ona's state can show, not on versions alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from automations.models import ServicePhase
from environments.actions import lifecycle
from environments.actions.reconcile import judge, settle_operations
from environments.actions.registry import Verdict
from environments.models import Environment, Phase
from portal.ledger.models import Operation, Outcome
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.environments.actions.test_actions import known
from tests.support import factories

pytestmark = pytest.mark.django_db
DONE, FAILED, UNKNOWN = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.UNKNOWN
Act = Callable[..., Operation]
STOP, START, ARCHIVE = lifecycle.stop_environment, lifecycle.start_environment, lifecycle.archive_environment
KEEP_AWAKE, SOON = lifecycle.mark_environment_active, "2030-01-01T00:00:00Z"
# what an upstream shows afterwards that raises no version of the specification and changes no desired phase
CASES: tuple[tuple[Act, str, dict[str, Any], Outcome], ...] = (
    (STOP, "RUNNING", {}, FAILED),
    (STOP, "RUNNING", {"status": {"phase": Phase.STOPPED}}, DONE),
    (STOP, "RUNNING", {"status": {"phase": Phase.STOPPING}}, DONE),
    (STOP, "RUNNING", {"status": {"phase": "ENVIRONMENT_PHASE_DREAMING"}}, UNKNOWN),
    (STOP, "RUNNING", {"metadata": {"lastStartedAt": "2026-11-28T23:59:59Z"}}, UNKNOWN),
    (START, "STOPPED", {}, FAILED),
    (START, "STOPPED", {"status": {"phase": Phase.RUNNING}}, DONE),
    (ARCHIVE, "RUNNING", {"status": {"phase": Phase.STOPPED}}, UNKNOWN),
    (ARCHIVE, "STOPPED", {}, FAILED),
    (KEEP_AWAKE, "RUNNING", {}, FAILED),
    (KEEP_AWAKE, "RUNNING", {"status": {"activitySignal": {"source": "VS Code", "timestamp": SOON}}}, UNKNOWN),
)


def test_nothing_was_changed_is_said_only_if_it_is_proved(sandbox: Sandbox) -> None:
    admin = factories.user("Admin")
    for act, condition, changes, outcome in CASES:
        environment: Environment = known(sandbox, Condition(condition))
        sandbox.faults.inject("reset", rpc=f"EnvironmentService/{act.__name__.title().replace('_', '')}")
        operation = act(environment=environment, actor=admin, reason="x")
        case = (act.__name__, changes)
        assert (operation.outcome, operation.is_open) == (UNKNOWN, True), case
        if changes:
            sandbox.world.change(str(environment.pk), **changes)
        settle_operations(timezone.now() + timedelta(minutes=10))
        operation.refresh_from_db()
        assert operation.outcome == outcome, case
        assert ("nothing was changed" in operation.explanation) == (outcome == FAILED), case
        assert ("check" in operation.explanation) == (outcome == UNKNOWN), case


def test_the_phase_of_a_service_and_of_an_execution_proves_it_too() -> None:
    before = {"phase": ServicePhase.RUNNING, "desiredPhase": ServicePhase.RUNNING, "specVersion": "3"}
    after = {"desiredPhase": ServicePhase.STOPPED}
    for phase, verdict in (
        (ServicePhase.RUNNING, Verdict.NOT_DONE),
        (ServicePhase.STOPPED, Verdict.DONE),
        (ServicePhase.FAILED, Verdict.UNPROVEN),
    ):
        assert judge(before, after, before | {"phase": phase}, "specVersion") is verdict
    run = {"phase": "TASK_EXECUTION_PHASE_RUNNING", "desiredPhase": "TASK_EXECUTION_PHASE_RUNNING"}
    stopped, ended = "TASK_EXECUTION_PHASE_STOPPED", "TASK_EXECUTION_PHASE_SUCCEEDED"
    assert judge(run, {"desiredPhase": stopped}, run | {"phase": stopped}) is Verdict.DONE
    assert judge(run, {"desiredPhase": stopped}, run | {"phase": ended}) is Verdict.UNPROVEN
    assert judge(run, {"desiredPhase": stopped}, run) is Verdict.NOT_DONE
