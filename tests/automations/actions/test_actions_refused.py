"""Actions on automations that are not done: by Ona, by what stands against it, by who asks; each says why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from automations.actions import file, services, tasks
from automations.models import ServicePhase, Task
from environments.actions.execute import NotPossible, ReasonMissing
from environments.models import Environment, Phase
from portal.directory import connection
from portal.ledger.models import Operation, Outcome
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.automations.actions.kinds import FILE, KINDS, a_service, a_task, an_execution, ask, automations, known
from tests.support import factories

pytestmark = pytest.mark.django_db
WHY = {"reason": "for a test"}


@pytest.mark.parametrize("name", KINDS)
def test_what_ona_refuses_is_failed_and_told_in_words(
    name: str, sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    before = automations(sandbox, environment)
    sandbox.faults.inject("throttled", rpc=kind.rpc)
    operation = kind.act(environment, ada)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "resource_exhausted")
    assert operation.explanation.startswith("Nothing was changed.")
    assert "another environment" not in operation.explanation
    assert automations(sandbox, environment) == before


@pytest.mark.parametrize("name", KINDS)
def test_without_ona_nothing_is_sent_and_the_row_says_so(
    name: str, sandbox: Sandbox, environment: Environment, ada: User, settings: Any
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    settings.ONA_BASE_URL = "http://127.0.0.1:9"
    connection._client.cache_clear()
    operation = kind.act(environment, ada)
    assert (operation.outcome, operation.sent_at, operation.before) == (Outcome.FAILED, None, {})


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("start service that failed",)])
def test_what_wants_a_reason_is_not_asked_for_without(name: str, environment: Environment, sandbox: Sandbox) -> None:
    ada = factories.user("Admin")
    KINDS[name].prepare(sandbox, environment)
    action = next(each for each in (*services.ACTIONS, *tasks.ACTIONS, *file.ACTIONS) if _matches(each.name, name))
    if action.needs_reason:
        with pytest.raises(ReasonMissing):
            ask(name, environment, {"actor": ada, "reason": " "})
        assert Operation.objects.count() == 0
    else:
        assert ask(name, environment, {"actor": ada}).outcome == Outcome.SUCCEEDED


def _matches(action: str, name: str) -> bool:
    deed, thing = name.replace("change", "update").replace("automations file", "automations_file").split(" ", 1)
    return action == f"{thing}.{deed}"


def test_who_may_not_change_both_services_and_tasks_may_not_apply_a_file(
    sandbox: Sandbox, environment: Environment
) -> None:
    with pytest.raises(PermissionDenied):
        file.apply_automations_file(environment=environment, file=FILE, actor=factories.user("Operator"), **WHY)
    assert Operation.objects.count() == 0


def test_what_stands_against_it_is_told_and_nothing_is_sent(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    running, execution = a_service(sandbox, environment, ServicePhase.RUNNING), an_execution(sandbox, environment)
    tasks.stop_execution(execution=execution, actor=ada, **WHY)
    refused = [
        (services.start_service(service=running, actor=ada), "It is already running."),
        (services.update_service(service=running, spec={"readinessTimeout": "5s"}, actor=ada, **WHY), "Stop it first"),
        (services.delete_service(service=running, actor=ada, **WHY), "or delete it by force"),
        (tasks.stop_execution(execution=execution, actor=ada, **WHY), "It has ended."),
    ]
    services.stop_service(service=running, actor=ada, **WHY)
    for operation, words in refused:
        assert (operation.outcome, operation.code, operation.sent_at) == (Outcome.FAILED, NotPossible.code, None)
        assert words in operation.explanation
    assert sandbox.requests["EnvironmentAutomationService/StartService"] == 0
    assert sandbox.requests["EnvironmentAutomationService/DeleteService"] == 0


def test_in_an_environment_that_does_not_run_nothing_is_started(sandbox: Sandbox, ada: User) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    task, service = a_task(sandbox, environment), a_service(sandbox, environment)
    for operation in (tasks.start_task(task=task, actor=ada), services.start_service(service=service, actor=ada)):
        assert (operation.code, operation.explanation) == (NotPossible.code, "Its environment is not running.")


def test_an_environment_that_runs_by_now_does_not_stand_in_the_way(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    Environment.objects.filter(pk=environment.pk).update(phase=Phase.STOPPED)  # what the cache knows is old
    Environment.objects.filter(pk=environment.pk).update(status_version=1)
    assert tasks.start_task(task=task, actor=ada).outcome == Outcome.SUCCEEDED


def test_a_service_that_is_on_its_way_up_can_be_stopped(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment)
    service.desired_phase = ServicePhase.RUNNING
    assert services.STOP_SERVICE.why_not(ada, service) == ""
    service.desired_phase = ServicePhase.STOPPED
    assert services.STOP_SERVICE.why_not(ada, service) == "It is stopped."
    service.phase, service.desired_phase = ServicePhase.RUNNING, ServicePhase.STOPPED
    assert services.START_SERVICE.why_not(ada, service) == ""
    service.desired_phase = ServicePhase.DELETED
    assert services.START_SERVICE.why_not(ada, service) == "It is being deleted."


def test_a_task_that_was_deleted_at_ona_meanwhile_is_gone_here_too(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    sandbox.world.drop("TASK", str(task.pk))
    operation = tasks.start_task(task=task, actor=ada)
    assert (operation.outcome, operation.code, operation.sent_at) == (Outcome.FAILED, "not_found", None)
    assert Task.objects.get(pk=task.pk).gone_at is not None


def test_the_last_dependency_cannot_be_taken_away(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    needed = a_task(sandbox, environment)
    made = tasks.create_task(
        environment=environment, metadata={"reference": "t", "name": "T"}, spec={"command": "t"},
        depends_on=[needed.pk], actor=ada, **WHY,
    )  # fmt: skip
    operation = tasks.update_task(task=Task.objects.get(pk=made.target_id), depends_on=[], actor=ada, **WHY)
    assert (operation.outcome, operation.explanation) == (Outcome.FAILED, tasks.LAST_DEPENDENCY)
