from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automations.models import SETTLED, Service, Task, TaskExecution, TaskSummary
from automations.sync.observe import KINDS, AutomationObservation, observe, sync_automations
from environments.models import Environment, SyncRun
from environments.sync.full_listing import sync_environments
from portal.ona import OnaClient
from portal.ona.documents.automations import read_service
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support.documents import ONE, at
from tests.support.profiles import examples

SERVICES, TASKS, EXECUTIONS = KINDS


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(World(environments=80, seed=8)) as server:
        yield server


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[OnaClient]:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000, attempts=2) as client:
        yield client


def succeeded(run: SyncRun | None) -> SyncRun:
    assert run is not None
    assert run.state == SyncRun.State.SUCCEEDED, run.error
    return run


def cached(model: type[Any], parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {str(each.id): {part: getattr(each, part) for part in parts} for each in model.objects.present()}


def listed(client: OnaClient, pages: Any, parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {
        str(each.id): {part: msgspec.json.decode(getattr(each, part).raw) for part in parts}
        for page in pages()
        for each in page.items
    }


@pytest.mark.django_db(transaction=True)
def test_everything_ona_lists_is_cached_whole(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    run = succeeded(sync_automations(client, everything=True))
    assert run.listed == run.changed == Service.objects.count() + Task.objects.count() + TaskExecution.objects.count()
    whole = ("metadata", "spec", "status")
    assert cached(Service, whole) == listed(client, client.service_pages, whole)
    assert cached(Task, whole[:2]) == listed(client, client.task_pages, whole[:2])
    assert cached(TaskExecution, whole) == listed(client, client.execution_pages, whole)
    assert succeeded(sync_automations(client, everything=True)).changed == 0
    references = Task.objects.values_list("reference", flat=True)
    assert set(TaskSummary.objects.values_list("reference", flat=True)) == set(references)


@pytest.mark.django_db(transaction=True)
def test_the_frequent_sync_follows_running_environments_only(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    succeeded(sync_automations(client, everything=False))
    running_ids = set(Environment.objects.running().values_list("id", flat=True))
    assert set(Service.objects.values_list("environment_id", flat=True)) <= running_ids
    assert Task.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_executions_that_end_are_seen_to_end(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    succeeded(sync_automations(client, everything=True))
    unsettled = set(TaskExecution.objects.exclude(phase__in=SETTLED).values_list("id", flat=True))
    assert unsettled
    sandbox.world.advance(timedelta(hours=3))
    sync_environments(client)
    succeeded(sync_automations(client, everything=True))
    at_ona, here = listed(client, client.execution_pages, ("status",)), cached(TaskExecution, ("status",))
    assert {id_: here[id_] for id_ in at_ona} == at_ona
    ended = {str(id_) for id_ in TaskExecution.objects.filter(phase__in=SETTLED).values_list("id", flat=True)}
    assert set(here) - set(at_ona) <= ended, "only the history of deleted environments is more than Ona has"


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_deleted_is_asked_for_and_then_gone(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    succeeded(sync_automations(client, everything=True))
    victim = str(Task.objects.earliest("id").id)
    sandbox.world.drop("TASK", victim)
    run = succeeded(sync_automations(client, everything=True))
    assert run.gone == 1
    assert not Task.objects.present().filter(id=victim).exists()


@pytest.mark.django_db(transaction=True)
def test_a_failed_list_is_a_failed_run_and_nothing_is_gone(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    succeeded(sync_automations(client, everything=True))
    before = Service.objects.present().count()
    sandbox.faults.inject("error503", times=50, rpc="ListServices")
    run = sync_automations(client, everything=True)
    assert run is not None
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "unavailable")
    assert Service.objects.present().count() == before


def service(seconds: int, name: str, spec: int, status: int) -> AutomationObservation:
    document = {
        "id": str(ONE),
        "environmentId": str(ONE),
        "metadata": {"reference": "web", "name": name, "triggeredBy": [{"manual": True}]},
        "spec": {"specVersion": str(spec), "commands": {"start": f"run {spec}"}},
        "status": {"statusVersion": str(status), "phase": f"PHASE_{status}"},
    }
    return AutomationObservation(at(seconds), read_service(msgspec.json.encode(document)))


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[AutomationObservation], list[AutomationObservation]]:
    life, spec, status = [], 1, 1
    for moment in range(1, draw(st.integers(1, 6)) + 1):
        spec, status = spec + draw(st.integers(0, 2)), status + draw(st.integers(0, 2))
        life.append(service(moment, draw(st.sampled_from("ab")), spec, status))
    return life, draw(st.permutations(life + draw(st.lists(st.sampled_from(life), max_size=4))))


@pytest.mark.django_db
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives())
def test_whatever_the_order_the_table_has_the_newest_parts(
    life: tuple[list[AutomationObservation], list[AutomationObservation]],
) -> None:
    Service.objects.all().delete()
    lived, arriving = life
    for each in arriving:
        observe(SERVICES, [each])
    observe(SERVICES, arriving)
    newest, cached = lived[-1].document, Service.objects.get()
    for part in ("metadata", "spec", "status"):
        assert getattr(cached, part) == msgspec.json.decode(getattr(newest, part).raw)
    assert (cached.name, cached.triggers) == (newest.metadata.head.name, ["manual"])
    assert cached.seen_at == lived[-1].sent_at
