"""Actions on automations against the stand-in Ona: what Ona gets, what the ledger keeps, what the cache then shows."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from automations.actions import file, services, tasks
from automations.models import ExecutionPhase, Service, ServicePhase, Task, TaskExecution
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.automations.actions.kinds import FILE, KINDS, SERVICE, TASK, a_service, a_task, an_execution, ask
from tests.support import factories

pytestmark = pytest.mark.django_db
CANARY = "kanarienvogel4412"
WHY = {"reason": "for a test"}


def at_ona(sandbox: Sandbox, kind: str, id_: Any) -> dict[str, Any]:
    return sandbox.world.table(kind).entries[str(id_)].document()


def written(operation: Operation) -> str:
    operation.refresh_from_db()
    return json.dumps([operation.request, operation.before, operation.after, operation.explanation, operation.message])


def test_a_service_is_started_recorded_and_read_back(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment)
    operation = services.start_service(service=service, actor=ada)
    assert at_ona(sandbox, "SERVICE", service.pk)["status"]["phase"] == ServicePhase.STARTING
    assert Service.objects.get(pk=service.pk).phase == ServicePhase.STARTING  # read back at once
    operation.refresh_from_db()
    assert (operation.outcome, operation.action, operation.actor_name) == (Outcome.SUCCEEDED, "service.start", "ada")
    assert (operation.target_type, operation.target_id) == ("service", service.pk)
    assert operation.target_name == f"Mail in {environment}"
    assert operation.environment_id == environment.pk
    assert operation.request == {"id": str(service.pk)}
    stopped = ServicePhase.STOPPED
    assert operation.before == {"phase": stopped, "desiredPhase": stopped, "specVersion": "1"}
    assert operation.after == {"desiredPhase": ServicePhase.RUNNING, "specVersion": "2"}


def test_a_service_is_stopped(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment, ServicePhase.RUNNING)
    operation = services.stop_service(service=service, actor=ada, **WHY)
    assert (operation.outcome, service.phase) == (Outcome.SUCCEEDED, ServicePhase.STOPPING)
    assert operation.before["desiredPhase"] == ServicePhase.RUNNING


def test_a_service_that_is_made_is_known_at_once(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    metadata, spec = {"reference": "db", "name": "Database"}, {"commands": {"start": "db"}, "runsOn": {"machine": {}}}
    operation = services.create_service(environment=environment, metadata=metadata, spec=spec, actor=ada, **WHY)
    made = Service.objects.get(pk=operation.target_id)
    assert (made.reference, made.phase, made.environment_id) == ("db", ServicePhase.STOPPED, environment.pk)
    assert operation.before == {"idsOfThisReference": []}
    assert operation.request == {"environmentId": str(environment.pk), "metadata": metadata, "spec": spec}
    assert (operation.outcome, operation.target_name) == (Outcome.SUCCEEDED, f"db in {environment}")


def test_a_service_is_changed_in_what_is_given_and_in_nothing_else(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    service = a_service(sandbox, environment)
    metadata = {"description": "catches mail", "triggeredBy": {"trigger": [{"manual": True}]}}
    spec = {"commands": {"ready": "mail --ready"}, "readinessTimeout": "60s"}
    operation = services.update_service(service=service, metadata=metadata, spec=spec, actor=ada, **WHY)
    assert operation.outcome == Outcome.SUCCEEDED, operation.explanation
    assert operation.before == {
        "metadata.description": None, "metadata.triggeredBy": None, "spec.commands.ready": None,
        "spec.readinessTimeout": None,
    }  # fmt: skip
    assert operation.after == {
        "metadata.description": "catches mail", "metadata.triggeredBy": [{"manual": True}],
        "spec.commands.ready": "mail --ready", "spec.readinessTimeout": "60s", "specVersion": "2",
    }  # fmt: skip
    assert (service.description, service.triggers, service.name) == ("catches mail", ["manual"], "Mail")
    assert service.spec["commands"] == {"start": "mail --port 25", "ready": "mail --ready"}


def test_a_service_is_deleted(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment)
    operation = services.delete_service(service=service, actor=ada, **WHY)
    assert (operation.outcome, operation.before, operation.after) == (
        Outcome.SUCCEEDED, {"exists": True}, {"exists": False},
    )  # fmt: skip
    assert Service.objects.get(pk=service.pk).gone_at is not None
    assert str(service.pk) not in sandbox.world.services.entries


def test_a_service_that_runs_is_deleted_by_force(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment, ServicePhase.RUNNING)
    operation = services.delete_service(service=service, force=True, actor=ada, **WHY)
    assert (operation.outcome, operation.request["force"]) == (Outcome.SUCCEEDED, True)


def test_a_task_that_is_started_has_an_execution_at_once(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    task = a_task(sandbox, environment)
    first = tasks.start_task(task=task, actor=ada)
    second = tasks.start_task(task=task, actor=ada)
    execution = TaskExecution.objects.get(pk=first.after["executionId"])
    assert (execution.phase, execution.task_id) == (ExecutionPhase.PENDING, task.pk)
    assert first.before == {"newest": []}
    assert second.before["newest"] == [first.after["executionId"]]
    assert first.after != second.after
    assert sandbox.world.starts(TASK) == {str(environment.pk): 2}


def test_a_task_is_made_changed_and_deleted(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    needed = a_task(sandbox, environment)
    made = tasks.create_task(
        environment=environment, metadata={"reference": "nightly-test", "name": "Test"}, spec={"command": "make test"},
        depends_on=[needed.pk], actor=ada, **WHY,
    )  # fmt: skip
    assert made.outcome == Outcome.SUCCEEDED, made.explanation
    task = Task.objects.get(pk=made.target_id)
    assert (task.command, task.depends_on) == ("make test", [needed.pk])
    assert made.request["dependsOn"] == [str(needed.pk)]

    changed = tasks.update_task(task=task, spec={"command": "make check"}, actor=ada, **WHY)
    assert (changed.outcome, task.command) == (Outcome.SUCCEEDED, "make check")
    assert (changed.before, changed.after) == ({"spec.command": "make test"}, {"spec.command": "make check"})

    deleted = tasks.delete_task(task=task, actor=ada, **WHY)
    assert deleted.outcome == Outcome.SUCCEEDED
    assert Task.objects.get(pk=task.pk).gone_at is not None


def test_an_execution_is_stopped(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    execution = an_execution(sandbox, environment)
    operation = tasks.stop_execution(execution=execution, actor=ada, **WHY)
    assert (operation.outcome, execution.phase) == (Outcome.SUCCEEDED, ExecutionPhase.STOPPED)
    assert operation.before["phase"] == ExecutionPhase.PENDING
    assert operation.target_name == f"Nightly build in {environment}"


def test_a_file_makes_and_changes_what_it_names(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    service = a_service(sandbox, environment)
    operation = file.apply_automations_file(environment=environment, file=FILE, actor=ada, **WHY)
    assert operation.outcome == Outcome.SUCCEEDED, operation.explanation
    mine = Task.objects.of(environment).filter(reference__in=["seed", TASK])
    assert operation.after["updatedServiceIds"] == [str(service.pk)]
    assert set(operation.after["updatedTaskIds"]) == {str(task.pk) for task in mine}
    name = f"services.{SERVICE}"
    assert operation.before[name] == {"name": "Mail", "commands": {"start": "mail --port 25"}}
    assert operation.after[name] == operation.before[name] | {"triggeredBy": ["manual"]}
    assert (operation.before["tasks.seed"], operation.after["tasks.seed"]["command"]) == (None, "make seed")
    assert operation.request["automationsFile"] == FILE


@pytest.mark.parametrize("name", KINDS)
def test_asked_twice_under_one_id_it_is_done_once(
    name: str, sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    kind = KINDS[name]
    kind.prepare(sandbox, environment)
    rpc = sandbox.requests[kind.rpc]
    identifier = uuid.uuid4()
    asked = {"actor": ada, "operation_id": identifier, **WHY}
    first, again = (ask(name, environment, asked) for _ in range(2))
    assert (first.pk, again.pk, again.outcome) == (identifier, identifier, Outcome.SUCCEEDED)
    assert sandbox.requests[kind.rpc] == rpc + 1


def test_an_id_that_was_used_for_one_service_is_not_good_for_another(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    service, identifier = a_service(sandbox, environment), uuid.uuid4()
    services.start_service(service=service, actor=ada, operation_id=identifier)
    other = Service.objects.of(environment).exclude(pk=service.pk).first() or another(sandbox, environment)
    with pytest.raises(PermissionDenied):
        services.start_service(service=other, actor=ada, operation_id=identifier)


def another(sandbox: Sandbox, environment: Environment) -> Service:
    ada = factories.user("Admin")
    spec = {"commands": {"start": "x"}}
    made = services.create_service(
        environment=environment, metadata={"reference": "x", "name": "X"}, spec=spec, actor=ada, **WHY
    )
    return Service.objects.get(pk=made.target_id)


def test_values_of_variables_are_nowhere_in_the_ledger(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    env = [
        {"name": "PASSWORD", "value": CANARY},
        {"name": "TOKEN", "valueFrom": {"secretRef": {"id": str(uuid.uuid4())}}},
    ]
    docker = {"docker": {"image": "busybox", "environment": [f"PASSWORD={CANARY}", "PATH"]}}
    spec = {"env": env, "runsOn": docker}
    asked: dict[str, Any] = {"actor": ada, **WHY}
    made = [
        services.create_service(
            environment=environment, metadata={"reference": "s", "name": "S"},
            spec={**spec, "commands": {"start": "x"}}, **asked,
        ),
        tasks.create_task(
            environment=environment, metadata={"reference": "t", "name": "T"}, spec={**spec, "command": "x"}, **asked
        ),
    ]  # fmt: skip
    service, task = Service.objects.get(pk=made[0].target_id), Task.objects.get(pk=made[1].target_id)
    assert CANARY in json.dumps(service.spec)  # it did reach Ona
    body = {"name": "N", "command": "x", "runsOn": docker}
    made += [
        services.update_service(service=service, spec=spec, **asked),
        tasks.update_task(task=task, spec=spec, **asked),
        file.apply_automations_file(environment=environment, file={"tasks": {"env": body, "t": body}}, **asked),
    ]
    for operation in made:
        assert operation.outcome == Outcome.SUCCEEDED, operation.explanation
        assert CANARY not in written(operation)
    assert made[2].after["spec.env"] == [{"name": "PASSWORD", "value": "[not kept]"}, env[1]]
    assert made[2].after["spec.runsOn"]["docker"]["environment"] == ["PASSWORD=[not kept]", "PATH"]
