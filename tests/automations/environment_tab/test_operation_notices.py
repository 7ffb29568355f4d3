"""Notes on the environment's page about what was asked of its automations."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from automations.actions import file, services, tasks
from automations.models import Service, ServicePhase
from environments.detail.pending_operations import OperationNotice, operation_notices
from environments.models import Environment
from portal.ledger import recording
from portal.ledger.models import BATCH
from portal.ledger.recording import Target
from portal.sandbox.server import Sandbox
from tests.automations.actions.kinds import FILE, a_service, a_task, an_execution

pytestmark = pytest.mark.django_db
WHY = {"reason": "for a test"}


def notes(environment: Environment) -> list[OperationNotice]:
    return operation_notices(environment, timezone.now())


def test_a_notice_about_a_task_has_its_name(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    task = a_task(sandbox, environment)
    sandbox.faults.inject("reset", rpc="EnvironmentAutomationService/StartTask")
    tasks.start_task(task=task, actor=ada)
    (note,) = notes(environment)
    assert note.title == "Start task Nightly build requested by ada, just now, unknown"
    assert (note.tone, note.is_waiting) == ("warning", True)


def test_a_completed_operation_has_a_notice_for_a_while(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    tasks.start_task(task=a_task(sandbox, environment), actor=ada)
    (note,) = notes(environment)
    assert (note.title, note.tone) == ("Nightly build started by ada", "success")
    assert operation_notices(environment, timezone.now() + timedelta(minutes=3)) == []


def test_the_notice_of_a_failure_says_why(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    services.start_service(service=a_service(sandbox, environment, ServicePhase.RUNNING), actor=ada)
    (note,) = notes(environment)
    assert (note.tone, note.text) == ("error", "It is already running.")
    assert note.title.startswith("Start service Mail requested by ada")


def test_only_the_newest_operation_of_each_service_has_a_notice(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    mail = a_service(sandbox, environment)
    made = services.create_service(
        environment=environment, metadata={"reference": "queue", "name": "Queue"}, spec={"commands": {"start": "q"}},
        actor=ada, **WHY,
    )  # fmt: skip
    services.start_service(service=mail, actor=ada)
    services.stop_service(service=mail, actor=ada, **WHY)
    services.start_service(service=Service.objects.get(pk=made.target_id), actor=ada)
    titles = [note.title for note in notes(environment)]
    assert titles == ["Queue started by ada", "Mail stopped by ada", "queue created by ada"]


def test_the_notice_of_an_execution_has_the_name_of_its_task(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    tasks.stop_execution(execution=an_execution(sandbox, environment), actor=ada, **WHY)
    assert [note.title for note in notes(environment)] == ["Nightly build stopped by ada"]


def test_the_notice_of_a_file_has_no_name(sandbox: Sandbox, environment: Environment, ada: User) -> None:
    sandbox.faults.inject("throttled", rpc="UpsertAutomationsFile")
    file.apply_automations_file(environment=environment, file=FILE, actor=ada, **WHY)
    assert notes(environment)[0].title == "Apply automations file requested by ada, just now, failed"


def test_items_of_a_batch_have_notices_and_the_batch_itself_has_none(
    sandbox: Sandbox, environment: Environment, ada: User
) -> None:
    target = Target(BATCH, None, "nightly-build in 40 environments")
    batch, _ = recording.begin("batch.task_start", target, {"actor": ada, "operation_id": uuid.uuid4()})
    tasks.start_task(task=a_task(sandbox, environment), actor=ada, parent_id=batch.pk)
    assert [note.title for note in notes(environment)] == ["Nightly build started by ada"]
