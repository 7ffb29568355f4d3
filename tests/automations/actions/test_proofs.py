"""Lost answers of automations: what Ona's state proves is written down, what it does not prove stays unknown."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from automations.actions import file, services, tasks
from automations.models import Service, ServicePhase, Task, TaskExecution
from environments.actions import lifecycle
from environments.actions.reconcile import settle_operations
from environments.models import Environment
from portal.ledger import recording
from portal.ledger.models import BATCH, Operation, Outcome
from portal.ledger.recording import Target
from portal.sandbox import executions
from portal.sandbox.server import Sandbox
from tests.automations.actions.kinds import FILE, KINDS, SERVICE, a_service, a_task, an_execution, known
from tests.support import factories

pytestmark = pytest.mark.django_db
LATE = timedelta(minutes=5)
WHY = {"reason": "for a test"}
Act = Callable[[], Operation]


def lost(sandbox: Sandbox, rpc: str, act: Act, *, done: bool) -> Operation:
    """An operation whose answer never came, though Ona did it or did not."""
    sandbox.faults.inject("reset_after" if done else "reset", rpc=f"EnvironmentAutomationService/{rpc}")
    operation = act()
    assert (operation.outcome, operation.closed_at) == (Outcome.UNKNOWN, None)
    return operation


def settled(*operations: Operation, at: datetime | None = None) -> list[str]:
    settle_operations(at or timezone.now() + LATE)
    for operation in operations:
        operation.refresh_from_db()
        assert operation.closed_at is not None
    return [operation.outcome for operation in operations]


def start(task: Task, actor: User) -> Act:
    return lambda: tasks.start_task(task=task, actor=actor)


def start_elsewhere(sandbox: Sandbox, task: Task, started_by: str, creator: str, ago: int = 0) -> str:
    """An execution that Ona made for somebody or something else."""
    document = sandbox.world.tasks.entries[str(task.pk)].document()
    groups = executions.plan(document, {}, sandbox.world.rng)
    subject = {"id": creator, "principal": "PRINCIPAL_USER"}
    made = executions.pending(document, groups, sandbox.world.instant - ago, started_by, subject, sandbox.world.rng)
    sandbox.world.add("TASK_EXECUTION", made)
    return str(made["id"])


def somebody(sandbox: Sandbox) -> str:
    return str(sandbox.world.organization.members[3]["userId"])


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_a_lost_answer_ends_as_ona_s_truth(
    name: str, sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    operation = lost(sandbox, kind.rpc.split("/")[1], lambda: kind.act(environment, ada), done=done)
    assert settled(operation) == [Outcome.SUCCEEDED if done else Outcome.FAILED]


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("minutes", [-7, 7])
def test_clocks_that_differ_by_minutes_change_nothing(
    sandbox: Sandbox, environment: Environment, ada: User, minutes: int, *, done: bool
) -> None:
    task = a_task(sandbox, environment)
    tasks.start_task(task=task, actor=ada)
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        operation = lost(sandbox, "StartTask", start(task, ada), done=done)
        assert settled(operation) == [Outcome.SUCCEEDED if done else Outcome.FAILED]


def test_the_execution_of_a_lost_start_is_named(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    task = a_task(sandbox, environment)
    first = tasks.start_task(task=task, actor=ada)
    operation = lost(sandbox, "StartTask", start(task, ada), done=True)
    settled(operation)
    made = TaskExecution.objects.get(pk=operation.after["executionId"])
    assert (made.task_id, str(made.pk) != first.after["executionId"]) == (task.pk, True)


@pytest.mark.parametrize("done", [True, False])
def test_an_execution_that_a_trigger_starts_at_the_same_time_is_not_taken_for_it(
    sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    task = a_task(sandbox, environment)
    operation = lost(sandbox, "StartTask", start(task, ada), done=done)
    other = start_elsewhere(sandbox, task, "postDevcontainerStart", somebody(sandbox))
    assert settled(operation) == [Outcome.SUCCEEDED if done else Outcome.FAILED]
    assert operation.after.get("executionId") != other


def test_an_execution_that_somebody_started_at_ona_is_not_taken_for_it(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    done, other = lost(sandbox, "StartTask", start(task, ada), done=True), somebody(sandbox)
    theirs = start_elsewhere(sandbox, task, other, other)
    assert settled(done) == [Outcome.SUCCEEDED]
    assert done.after["executionId"] != theirs

    not_done = lost(sandbox, "StartTask", start(task, ada), done=False)
    start_elsewhere(sandbox, task, other, other)
    assert settled(not_done) == [Outcome.UNKNOWN]  # it might be ours: a token can be changed for another person's


def test_the_same_start_asked_by_two_people_is_not_credited_to_the_wrong_one(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task, bob = a_task(sandbox, environment), factories.user("Operator", username="bob")
    first = lost(sandbox, "StartTask", start(task, ada), done=False)
    second = lost(sandbox, "StartTask", start(task, bob), done=True)
    assert settled(first, second) == [Outcome.UNKNOWN, Outcome.UNKNOWN]


def test_two_starts_of_which_none_was_done_are_both_known_not_to_be(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    both = [lost(sandbox, "StartTask", start(task, ada), done=False) for _ in range(2)]
    assert settled(*both) == [Outcome.FAILED, Outcome.FAILED]


def test_a_start_whose_answer_came_does_not_stand_in_the_way_of_a_lost_one(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    operation = lost(sandbox, "StartTask", start(task, ada), done=False)
    tasks.start_task(task=task, actor=ada)
    assert settled(operation) == [Outcome.FAILED]


@pytest.mark.parametrize("done", [True, False])
def test_it_is_found_on_a_later_page_of_executions(
    sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    task = a_task(sandbox, environment)
    for ago in range(30):
        start_elsewhere(sandbox, task, "prebuild", somebody(sandbox), ago=ago * 1_000_000)
    operation = lost(sandbox, "StartTask", start(task, ada), done=done)
    sandbox.world.advance(timedelta(seconds=1))
    for _ in range(150):
        start_elsewhere(sandbox, task, "postEnvironmentStart", somebody(sandbox))
    assert settled(operation) == [Outcome.SUCCEEDED if done else Outcome.FAILED]


@pytest.mark.parametrize("done", [True, False])
def test_a_task_deleted_meanwhile_keeps_its_executions_which_tell(
    sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    task = a_task(sandbox, environment)
    operation = lost(sandbox, "StartTask", start(task, ada), done=done)
    sandbox.world.drop("TASK", str(task.pk))
    assert settled(operation) == [Outcome.SUCCEEDED if done else Outcome.FAILED]


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("start service that failed",)])
def test_with_its_environment_deleted_nothing_is_proven(
    name: str, sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    operation = lost(sandbox, kind.rpc.split("/")[1], lambda: kind.act(environment, ada), done=done)
    sandbox.world.remove(str(environment.pk))
    assert settled(operation) == [Outcome.UNKNOWN]


@pytest.mark.parametrize("done", [True, False])
def test_a_service_deleted_meanwhile_leaves_its_start_unknown(
    sandbox: Sandbox, environment: Environment, ada: User, *, done: bool
) -> None:
    service = a_service(sandbox, environment)
    act: Act = lambda: services.start_service(service=service, actor=ada)  # noqa: E731
    operation = lost(sandbox, "StartService", act, done=done)
    sandbox.world.drop("SERVICE", str(service.pk))
    assert settled(operation) == [Outcome.UNKNOWN]


def test_a_start_and_a_stop_beside_each_other_are_not_told_apart(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    service = a_service(sandbox, environment)
    first = lost(sandbox, "StartService", lambda: services.start_service(service=service, actor=ada), done=True)
    second = lost(sandbox, "StopService", lambda: services.stop_service(service=service, actor=ada, **WHY), done=True)
    assert settled(first, second) == [Outcome.UNKNOWN, Outcome.UNKNOWN]


def test_a_start_of_another_service_beside_it_does_not_matter(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    service = a_service(sandbox, environment)
    made = services.create_service(
        environment=environment, metadata={"reference": "other", "name": "O"}, spec={"commands": {"start": "o"}},
        actor=ada, **WHY,
    )  # fmt: skip
    other = Service.objects.get(pk=made.target_id)
    first = lost(sandbox, "StartService", lambda: services.start_service(service=service, actor=ada), done=True)
    second = lost(sandbox, "StartService", lambda: services.start_service(service=other, actor=ada), done=False)
    assert settled(first, second) == [Outcome.SUCCEEDED, Outcome.FAILED]


def test_a_lost_stop_of_the_environment_is_not_confused_with_a_stop_of_a_service_in_it(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    service = a_service(sandbox, environment, ServicePhase.RUNNING)
    sandbox.faults.inject("reset_after", rpc="EnvironmentService/StopEnvironment")
    operation = lifecycle.stop_environment(environment=environment, actor=ada, **WHY)
    services.stop_service(service=service, actor=ada, **WHY)
    assert settled(operation) == [Outcome.SUCCEEDED]


def test_a_creation_is_not_confused_with_one_that_the_cache_had_not_heard_of(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    """Made at Ona before it was asked for here: only a fresh read before the call can tell."""
    task = a_task(sandbox, environment)
    Task.objects.filter(pk=task.pk).delete()
    spec, metadata = {"command": "make"}, {"reference": task.reference, "name": "B"}
    act: Act = lambda: tasks.create_task(  # noqa: E731
        environment=environment, metadata=metadata, spec=spec, actor=ada, **WHY
    )
    operation = lost(sandbox, "CreateTask", act, done=False)
    assert settled(operation) == [Outcome.FAILED]


def test_a_creation_beside_a_file_of_the_same_reference_is_not_guessed(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    act: Act = lambda: services.create_service(  # noqa: E731
        environment=environment, metadata={"reference": SERVICE, "name": "M"}, spec={"commands": {"start": "m"}},
        actor=ada, **WHY,
    )  # fmt: skip
    operation = lost(sandbox, "CreateService", act, done=False)
    file.apply_automations_file(environment=environment, file=FILE, actor=ada, **WHY)
    assert settled(operation) == [Outcome.UNKNOWN]


def test_a_file_of_which_nothing_shows_was_not_applied_though_all_in_it_would_be_new(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    act: Act = lambda: file.apply_automations_file(environment=environment, file=FILE, actor=ada, **WHY)  # noqa: E731
    not_done = lost(sandbox, "UpsertAutomationsFile", act, done=False)
    assert settled(not_done) == [Outcome.FAILED]
    done = lost(sandbox, "UpsertAutomationsFile", act, done=True)
    assert settled(done) == [Outcome.SUCCEEDED]


def test_what_was_so_before_proves_nothing(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    task = a_task(sandbox, environment)
    act: Act = lambda: tasks.update_task(task=task, spec={"command": task.command}, actor=ada, **WHY)  # noqa: E731
    for done in (True, False):
        assert settled(lost(sandbox, "UpdateTask", act, done=done)) == [Outcome.UNKNOWN]


def test_a_new_value_of_a_variable_is_not_kept_and_so_not_proven(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    task = a_task(sandbox, environment)
    tasks.update_task(task=task, spec={"env": [{"name": "A", "value": "1"}]}, actor=ada, **WHY)
    act: Act = lambda: tasks.update_task(  # noqa: E731
        task=task, spec={"env": [{"name": "A", "value": "2"}]}, actor=ada, **WHY
    )
    assert settled(lost(sandbox, "UpdateTask", act, done=True)) == [Outcome.UNKNOWN]


def test_an_execution_that_ended_by_itself_was_not_stopped(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    execution = an_execution(sandbox, environment)
    act: Act = lambda: tasks.stop_execution(execution=execution, actor=ada, **WHY)  # noqa: E731
    operation = lost(sandbox, "StopTaskExecution", act, done=False)
    sandbox.world.change_automation(
        "TASK_EXECUTION", str(execution.pk), {"status": {"phase": "TASK_EXECUTION_PHASE_SUCCEEDED"}}
    )
    assert settled(operation) == [Outcome.FAILED]


@pytest.mark.parametrize("name", KINDS)
def test_a_row_without_what_was_so_before_ends_as_unknown_and_stops_nobody_else(
    name: str, sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    model = kind.act(environment, ada)
    target = Target(model.target_type, model.target_id, model.target_name, environment.pk)
    operation, _ = recording.begin(model.action, target, {"actor": ada}, request=model.request, after=model.after)
    assert recording.sent(operation)
    assert settled(operation) == [Outcome.UNKNOWN]


def test_one_answer_that_cannot_be_read_does_not_keep_the_others_waiting(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    first, second = (a_task(sandbox, each) for each in (environment, known(sandbox)))
    waiting = [lost(sandbox, "StartTask", start(task, ada), done=True) for task in (first, second)]
    sandbox.faults.inject("truncated", rpc="ListTaskExecutions")
    sandbox.faults.inject("truncated", rpc="ListTaskExecutions", times=4)
    settle_operations(timezone.now() + LATE)
    for operation in waiting:
        operation.refresh_from_db()
    assert [operation.outcome for operation in waiting] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]
    assert settled(waiting[0]) == [Outcome.SUCCEEDED]


def test_batches_are_left_to_what_drives_them(ada: User) -> None:
    target = Target(BATCH, None, "build in 40 environments")
    batch, _ = recording.begin("batch.task_start", target, {"actor": ada, "operation_id": uuid.uuid4()})
    assert settle_operations(timezone.now() + LATE) == 0
    batch.refresh_from_db()
    assert (batch.outcome, batch.closed_at) == (Outcome.PENDING, None)
