"""Executions and services that are under way, read while somebody watches and at leisure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from automations.models import UNDER_WAY, ExecutionPhase, Service, ServicePhase, Task, TaskExecution, Transition
from automations.sync import poller
from automations.sync.observe import sync_automations
from automations.sync.poller import follow_all, follow_environment, follow_execution
from environments.detail.live_refresh import refresh_while_pending
from environments.models import Environment, SyncRun
from environments.sync.full_listing import sync_environments
from environments.sync.job import exclusive_lock
from portal.directory import connection
from portal.directory.connection import ona
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support import factories, operations

pytestmark = pytest.mark.django_db
LIST, GET = "ListTaskExecutions", "GetTaskExecution"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    """Everything of 40 environments is cached, and nothing is under way."""
    cache.clear()
    with running(World(environments=40, seed=11)) as server:
        settings.ONA_BASE_URL, settings.ONA_API_KEY = server.base_url, server.token
        settings.ONA_REQUESTS_PER_SECOND = 1000
        connection._client.cache_clear()
        for execution in listed(server, "TASK_EXECUTION", UNDER_WAY):
            change(server, "TASK_EXECUTION", execution, ExecutionPhase.SUCCEEDED)
        for service in listed(server, "SERVICE", poller.MOVING):
            change(server, "SERVICE", service, ServicePhase.RUNNING)
        sync_environments(ona())
        sync_automations(ona(), everything=True)
        yield server
    connection._client.cache_clear()


def listed(sandbox: Sandbox, kind: str, phases: Any) -> list[str]:
    entries = sandbox.world.table(kind).entries
    return [id_ for id_, entry in entries.items() if entry.document()["status"]["phase"] in set(phases)]


def change(sandbox: Sandbox, kind: str, id_: object, phase: str) -> None:
    sandbox.world.change_automation(kind, str(id_), {"status": {"phase": phase}})


def under_way(sandbox: Sandbox) -> TaskExecution:
    """One that the portal knows as running, as Ona does; its environment runs."""
    running_ids = Environment.objects.running().values("id")
    execution = TaskExecution.objects.present().filter(environment__in=running_ids).earliest("id")
    change(sandbox, "TASK_EXECUTION", execution.pk, ExecutionPhase.RUNNING)
    sync_automations(ona(), everything=True)
    execution.refresh_from_db()
    assert execution.phase == ExecutionPhase.RUNNING
    return execution


def moving(sandbox: Sandbox) -> Service:
    service = (
        Service.objects.present().filter(environment__in=Environment.objects.running().values("id")).earliest("id")
    )
    change(sandbox, "SERVICE", service.pk, ServicePhase.STARTING)
    sync_automations(ona(), everything=True)
    return service


class Requests:
    """The requests made in a `with` block, by the name of their method."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.made = sandbox, Counter[str]()

    def __enter__(self) -> Counter[str]:
        self.before = Counter(self.sandbox.requests)
        return self.made

    def __exit__(self, *_: object) -> None:
        made = Counter(self.sandbox.requests) - self.before
        self.made.update({rpc.rpartition("/")[2]: count for rpc, count in made.items()})


def test_a_watched_execution_is_seen_to_end_and_then_left_alone(sandbox: Sandbox) -> None:
    execution = under_way(sandbox)
    change(sandbox, "TASK_EXECUTION", execution.pk, ExecutionPhase.FAILED)
    follow_execution(execution)
    assert execution.phase == ExecutionPhase.FAILED
    assert Transition.objects.filter(subject_id=execution.pk, new=ExecutionPhase.FAILED).exists()
    cache.clear()
    with Requests(sandbox) as made:
        follow_execution(execution)
    assert not made


def test_all_who_watch_share_one_reading_in_two_seconds(sandbox: Sandbox) -> None:
    execution = under_way(sandbox)
    with Requests(sandbox) as made:
        for _ in range(5):
            follow_execution(execution)
            follow_environment(execution.environment)
    assert made == {GET: 1, LIST: 1}


def test_an_execution_ona_has_dropped_is_marked_while_watched(sandbox: Sandbox) -> None:
    execution = under_way(sandbox)
    sandbox.world.drop("TASK_EXECUTION", str(execution.pk))
    follow_execution(execution)
    assert execution.gone_at is not None
    assert execution.phase == ExecutionPhase.RUNNING, "its outcome is unknown"


def test_where_ona_cannot_be_read_all_stays_as_it_was(sandbox: Sandbox, settings: Any) -> None:
    execution, service = under_way(sandbox), moving(sandbox)
    sandbox.faults.inject("error503", times=50)
    follow_execution(execution)
    follow_environment(service.environment)
    assert execution.phase == ExecutionPhase.RUNNING
    settings.ONA_API_KEY = ""
    connection._client.cache_clear()
    cache.clear()
    follow_execution(execution)
    follow_environment(execution.environment)
    execution.refresh_from_db()
    assert (execution.phase, execution.gone_at) == (ExecutionPhase.RUNNING, None)


def test_a_watched_environment_s_executions_and_services_are_read(sandbox: Sandbox) -> None:
    execution, service = under_way(sandbox), moving(sandbox)
    change(sandbox, "TASK_EXECUTION", execution.pk, ExecutionPhase.STOPPED)
    change(sandbox, "SERVICE", service.pk, ServicePhase.RUNNING)
    for environment in {execution.environment, service.environment}:
        follow_environment(environment)
    execution.refresh_from_db()
    service.refresh_from_db()
    assert (execution.phase, service.phase) == (ExecutionPhase.STOPPED, ServicePhase.RUNNING)


def test_an_environment_in_which_nothing_is_under_way_costs_no_request(sandbox: Sandbox) -> None:
    with Requests(sandbox) as made:
        for environment in Environment.objects.all():
            follow_environment(environment)
    assert not made


def test_what_was_asked_for_a_moment_ago_is_looked_for_where_nothing_shows_yet(sandbox: Sandbox) -> None:
    service = Service.objects.present().earliest("id")
    operations.operation("service.start", ago=timedelta(seconds=5), environment_id=service.environment_id)
    change(sandbox, "SERVICE", service.pk, ServicePhase.STARTING)
    follow_environment(service.environment)
    service.refresh_from_db()
    assert service.phase == ServicePhase.STARTING


def test_an_open_page_of_an_environment_follows_its_automations(sandbox: Sandbox) -> None:
    execution = under_way(sandbox)
    change(sandbox, "TASK_EXECUTION", execution.pk, ExecutionPhase.SUCCEEDED)
    refresh_while_pending(execution.environment)
    execution.refresh_from_db()
    assert execution.phase == ExecutionPhase.SUCCEEDED


def test_at_leisure_it_costs_one_request_while_nothing_is_under_way(sandbox: Sandbox) -> None:
    with Requests(sandbox) as made:
        assert follow_all()
    assert made == {LIST: 1}


def test_at_leisure_executions_are_seen_to_begin_and_to_end(sandbox: Sandbox) -> None:
    environment = Environment.objects.running().filter(task__gone_at=None, task__isnull=False).earliest("id")
    task = Task.objects.of(environment).earliest("id")
    started = ona().start_task(task.pk)
    follow_all()
    execution = TaskExecution.objects.get(pk=started.id)
    assert execution.phase in UNDER_WAY
    sandbox.world.advance(timedelta(hours=3))
    follow_all()
    execution.refresh_from_db()
    assert execution.phase not in UNDER_WAY
    assert Transition.objects.filter(subject_id=execution.pk, field="phase").exists()


def test_at_leisure_services_are_seen_to_start(sandbox: Sandbox) -> None:
    service = moving(sandbox)
    change(sandbox, "SERVICE", service.pk, ServicePhase.RUNNING)
    with Requests(sandbox) as made:
        follow_all()
    service.refresh_from_db()
    assert service.phase == ServicePhase.RUNNING
    assert made == {LIST: 1, "ListServices": 1}


def test_many_that_ona_does_not_find_at_once_are_left_to_the_sync(sandbox: Sandbox) -> None:
    now = timezone.now()
    environment = Environment.objects.earliest("id")
    times = {"first_seen_at": now, "changed_at": now, "seen_at": now}
    for _ in range(90):
        pk = factories.uuid.uuid4()
        TaskExecution.objects.create(pk=pk, environment=environment, task_id=pk, phase=ExecutionPhase.RUNNING, **times)
    follow_all()
    assert not TaskExecution.objects.exclude(gone_at=None).exists()
    assert "too_many_missing" in SyncRun.objects.latest("id").error_code


def test_a_failure_to_follow_is_told_once_and_cleared_by_the_next_good_run(sandbox: Sandbox) -> None:
    sync_automations(ona(), everything=False)
    sandbox.faults.inject("error500", times=50, rpc=LIST)
    follow_all()
    follow_all()
    failed = SyncRun.objects.get(state=SyncRun.State.FAILED)
    assert (failed.kind, failed.error_code) == (SyncRun.Kind.AUTOMATIONS, "internal")
    page = factories.client().get(reverse("sync")).content.decode()
    assert "What is in progress could not be followed." in page
    sandbox.faults.clear()
    sync_automations(ona(), everything=False)
    follow_all()
    assert SyncRun.objects.latest("id").state == SyncRun.State.SUCCEEDED


def test_a_configuration_that_cannot_be_right_is_told(sandbox: Sandbox, settings: Any) -> None:
    settings.ONA_API_KEY = ""
    connection._client.cache_clear()
    assert follow_all()
    assert SyncRun.objects.latest("id").error_code == "configuration"


def test_one_process_follows_at_a_time(sandbox: Sandbox) -> None:
    with exclusive_lock("following") as is_only_one, Requests(sandbox) as made:
        assert is_only_one
        assert not follow_all()
    assert not made
