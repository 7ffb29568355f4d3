"""What a sync of automations does with what Ona has no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from automations.models import SETTLED, Service, Task, TaskExecution, Transition
from automations.sync import observe
from automations.sync.observe import sync_automations
from environments.models import SyncRun
from environments.sync.full_listing import sync_environments
from portal.directory import connection
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with running(World(environments=80, seed=8)) as server:
        settings.ONA_BASE_URL, settings.ONA_API_KEY = server.base_url, server.token
        connection._client.cache_clear()
        yield server
    connection._client.cache_clear()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[OnaClient]:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000, attempts=2) as client:
        sync_environments(client)
        succeeded(sync_automations(client, everything=True))
        yield client


def succeeded(run: SyncRun | None) -> SyncRun:
    assert run is not None
    assert run.state == SyncRun.State.SUCCEEDED, run.error
    return run


def drop(sandbox: Sandbox, kind: str, rows: list[str]) -> None:
    for id_ in rows:
        sandbox.world.drop(kind, id_)


def ids(model: type[Service] | type[Task] | type[TaskExecution], n: int) -> list[str]:
    return [str(id_) for id_ in model.objects.present().order_by("id").values_list("id", flat=True)[:n]]


def ended(n: int) -> list[str]:
    rows = TaskExecution.objects.present().filter(phase__in=SETTLED).order_by("id")
    return [str(id_) for id_ in rows.values_list("id", flat=True)[:n]]


def test_executions_ona_has_dropped_are_kept_and_marked(sandbox: Sandbox, client: OnaClient) -> None:
    dropped = ended(40)
    assert len(dropped) == 40, "many more than may be lost otherwise"
    drop(sandbox, "TASK_EXECUTION", dropped)
    run = succeeded(sync_automations(client, everything=True))
    assert (run.gone, run.transitions) == (40, 40)
    assert TaskExecution.objects.filter(id__in=dropped, gone_at=None).count() == 0
    assert Transition.objects.filter(subject_id__in=dropped, field="gone_at").count() == 40
    assert succeeded(sync_automations(client, everything=True)).missing == 0, "they are not asked for again"


def test_dropped_executions_are_asked_for_some_at_a_time(
    sandbox: Sandbox, client: OnaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "DROPPED_AT_ONCE", 5)
    drop(sandbox, "TASK_EXECUTION", ended(12))
    asked = [succeeded(sync_automations(client, everything=True)).missing for _ in range(4)]
    assert asked == [5, 5, 2, 0]


def test_the_frequent_sync_does_not_ask_for_history(sandbox: Sandbox, client: OnaClient) -> None:
    drop(sandbox, "TASK_EXECUTION", ended(12))
    before = sandbox.requests["EnvironmentAutomationService/GetTaskExecution"]
    succeeded(sync_automations(client, everything=False))
    assert sandbox.requests["EnvironmentAutomationService/GetTaskExecution"] == before


def test_losing_too_many_tasks_stops_the_sync_until_it_is_accepted(sandbox: Sandbox, client: OnaClient) -> None:
    drop(sandbox, "TASK", ids(Task, 40))
    run = sync_automations(client, everything=True)
    assert run is not None
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "too_many_missing")
    assert "manage.py sync_automations --accept-losses" in run.error
    assert Task.objects.exclude(gone_at=None).count() == 0
    assert succeeded(sync_automations(client, everything=True, accept_losses=True)).gone == 40


def test_the_command_accepts_losses_only_when_told_to(sandbox: Sandbox, client: OnaClient) -> None:
    drop(sandbox, "SERVICE", ids(Service, 40))
    with pytest.raises(CommandError, match="sync_automations --accept-losses"):
        call_command("sync_automations")
    call_command("sync_automations", accept_losses=True)
    assert Service.objects.exclude(gone_at=None).exists()


def test_a_change_seen_by_a_sync_is_a_transition_of_its_run(sandbox: Sandbox, client: OnaClient) -> None:
    service = ids(Service, 1)[0]
    changes = {"status": {"phase": "SERVICE_PHASE_FAILED", "failureMessage": "port in use"}}
    sandbox.world.change_automation("SERVICE", service, changes)
    run = succeeded(sync_automations(client, everything=True))
    assert (run.changed, run.transitions) == (1, Transition.objects.count())
    assert set(Transition.objects.values_list("subject_id", "new")) >= {
        (Service.objects.get(pk=service).pk, "port in use")
    }
