"""What is known of tasks and services by reference, and the names that automations keep of other rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from automations.models import ExecutionPhase, Service, ServicePhase, ServiceSummary, Task, TaskExecution, TaskSummary
from automations.sync.observe import sync_automations
from automations.sync.summaries import MARKS, computed_at, refresh
from environments.models import Environment
from environments.sync.directory import sync_directory
from environments.sync.full_listing import sync_environments
from portal.directory.models import Member
from portal.ona import OnaClient
from portal.sandbox.server import running
from portal.sandbox.world import World
from tests.support import factories
from tests.support.automation_factories import execution, service, task


@pytest.fixture
def client() -> Iterator[OnaClient]:
    with (
        running(World(environments=60, seed=8)) as server,
        OnaClient(server.token, server.base_url, requests_per_second=1000, attempts=2) as client,
    ):
        yield client


@pytest.mark.django_db(transaction=True)
def test_names_are_the_same_whether_automations_or_their_environments_come_first(client: OnaClient) -> None:
    columns = ("environment_name", "project_id", "project_name", "owner_id", "owner_name")
    own = {Task: (), Service: (), TaskExecution: ("reference", "task_name", "started_by_name")}

    def kept() -> dict[str, list[Any]]:
        return {
            model.__name__: list(model.objects.order_by("id").values_list("id", *columns, *more))
            for model, more in own.items()
        }

    sync_automations(client, everything=True)
    assert not TaskExecution.objects.exclude(environment_name="").exists()
    sync_directory(client)
    sync_environments(client)
    refresh()
    late = kept()
    for model in own:
        model.objects.all().delete()
    sync_automations(client, everything=True)
    assert kept() == late
    known = TaskExecution.objects.filter(environment__in=Environment.objects.all()).select_related(
        "environment", "task"
    )
    assert known
    for each in known:
        assert (each.environment_name, each.project_id) == (each.environment.name, each.environment.project_id)
        assert (each.reference, each.task_name) == (each.task.reference, each.task.name)
    assert set(known.values_list("started_by_name", flat=True)) & set(Member.objects.values_list("name", flat=True))


@pytest.mark.django_db
def test_an_environment_that_is_renamed_takes_its_automations_along() -> None:
    environment = factories.environment(name="old-name")
    made = execution(task(environment))
    refresh()
    environment.name, environment.changed_at = "new-name", timezone.now()
    environment.save(update_fields=["name", "changed_at"])
    before = made.changed_at
    refresh()
    made.refresh_from_db()
    assert made.environment_name == Task.objects.get().environment_name == "new-name"
    assert made.changed_at > before


@pytest.mark.django_db
def test_a_task_knows_its_newest_execution() -> None:
    made = task(factories.environment())
    refresh()
    execution(made, ago=timedelta(days=2))
    newest = execution(made, ago=timedelta(minutes=3), took=None)
    refresh()
    made.refresh_from_db()
    assert (made.last_execution_id, made.last_phase) == (newest.pk, ExecutionPhase.RUNNING)
    assert made.last_run_at == newest.created_at


@pytest.mark.django_db
def test_runs_of_a_task_are_counted_over_all_environments() -> None:
    tasks = [task(factories.environment()) for _ in range(4)]
    task(factories.environment(), gone_at=timezone.now())
    for took in (10, 20, 30, 1000):
        execution(tasks[0], took=took)
    execution(tasks[1], took=5, phase=ExecutionPhase.FAILED)
    execution(tasks[1], ago=timedelta(days=9), took=5, phase=ExecutionPhase.FAILED)
    execution(tasks[2], ago=timedelta(minutes=2), took=None)
    refresh()
    found = TaskSummary.objects.get(reference="build")
    assert (found.environments, found.under_way, found.ended, found.failed) == (4, 1, 5, 1)
    assert found.failed_share == pytest.approx(0.2)
    assert found.median == timedelta(seconds=25)
    assert timedelta(seconds=800) < found.p95 < timedelta(seconds=1000)
    assert [mark["phase"] for mark in found.marks][:1] == [ExecutionPhase.RUNNING]
    assert len(found.marks) == 7


@pytest.mark.django_db
def test_what_is_not_known_of_a_task_that_never_ran_is_absent_and_not_zero() -> None:
    task(factories.environment(), "never")
    refresh()
    found = TaskSummary.objects.get()
    assert (found.failed_share, found.median, found.p95, found.last_run_at, found.marks) == (None, None, None, None, [])


@pytest.mark.django_db
def test_only_the_newest_runs_are_kept_as_marks() -> None:
    made = task(factories.environment())
    runs = [execution(made, ago=timedelta(minutes=n)) for n in range(1, MARKS + 5)]
    refresh()
    assert [mark["id"] for mark in TaskSummary.objects.get().marks] == [str(run.pk) for run in runs[:MARKS]]


@pytest.mark.django_db
def test_failures_of_a_service_that_differ_in_numbers_only_are_one() -> None:
    for number in range(5):
        service(factories.environment(), phase=ServicePhase.FAILED, failure=f"port {3000 + number} is taken")
    service(factories.environment(), phase=ServicePhase.FAILED, failure="no such file: <b>package.json</b>")
    for _ in range(2):
        service(factories.environment())
    refresh()
    found = ServiceSummary.objects.get()
    assert (found.environments, found.running, found.failed, found.failed_share) == (8, 2, 6, 0.75)
    assert [failure["count"] for failure in found.failures] == [5, 1]
    assert found.failures[0]["message"].startswith("port 300")
    assert found.phases == {ServicePhase.FAILED: 6, ServicePhase.RUNNING: 2}


@pytest.mark.django_db
def test_a_reference_that_nothing_has_any_more_is_no_longer_listed() -> None:
    made, other = task(factories.environment()), service(factories.environment())
    refresh()
    assert computed_at()
    for each in (made, other):
        each.gone_at = timezone.now()
        each.save(update_fields=["gone_at"])
    refresh()
    assert not TaskSummary.objects.exists()
    assert not ServiceSummary.objects.exists()
