from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import override_settings

from environments.models import Environment, SyncRun, Transition
from environments.sync.full_listing import sync_environments
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(World(environments=250, seed=3)) as server:
        yield server


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[OnaClient]:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000, attempts=2) as client:
        yield client


def assert_equal_to(world: World) -> None:
    """The tables hold exactly what Ona would answer, document for document."""
    cached = {
        str(each.id): {"metadata": each.metadata, "spec": each.spec, "status": each.status}
        for each in Environment.objects.present()
    }
    assert cached == {
        each["id"]: {part: each.get(part, {}) for part in ("metadata", "spec", "status")} for each in world.documents()
    }


def succeeded(run: SyncRun | None) -> SyncRun:
    assert run is not None
    assert run.state == SyncRun.State.SUCCEEDED, run.error
    return run


def test_the_first_full_listing_caches_every_environment_completely(sandbox: Sandbox, client: OnaClient) -> None:
    run = succeeded(sync_environments(client))
    assert (run.listed, run.changed, run.transitions, run.malformed) == (250, 250, 0, 0)
    assert_equal_to(sandbox.world)


def test_a_second_full_listing_writes_nothing(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    run = succeeded(sync_environments(client))
    assert (run.listed, run.changed, run.transitions) == (250, 0, 0)


def test_changes_at_ona_are_in_the_tables_after_the_next_full_listing(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    sandbox.world.advance(timedelta(hours=6))
    run = succeeded(sync_environments(client))
    assert run.changed > 0
    assert run.transitions == Transition.objects.count() > 0
    assert_equal_to(sandbox.world)


def test_a_missing_environment_is_fetched_and_marked_as_deleted(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    victim = next(sandbox.world.documents())["id"]
    sandbox.world.remove(victim)
    run = succeeded(sync_environments(client))
    assert (run.missing, run.gone) == (1, 1)
    assert sandbox.requests["EnvironmentService/GetEnvironment"] == 1
    gone = Environment.objects.get(gone_at__isnull=False)
    assert str(gone.id) == victim
    assert Transition.objects.get(field="gone_at").environment_id == gone.id
    assert_equal_to(sandbox.world)


def test_losing_more_than_a_tenth_of_the_fleet_fails_the_run_until_accepted(
    sandbox: Sandbox, client: OnaClient
) -> None:
    sync_environments(client)
    for document in list(sandbox.world.documents())[:30]:
        sandbox.world.remove(document["id"])
    run = sync_environments(client)
    assert run is not None
    assert (run.state, run.error_code, run.missing) == (SyncRun.State.FAILED, "too_many_missing", 30)
    assert Environment.objects.present().count() == 250
    assert succeeded(sync_environments(client, accept_losses=True)).gone == 30
    assert_equal_to(sandbox.world)


def test_a_slow_ona_is_listed_in_slices_without_missing_anything() -> None:
    world = World(environments=1500, seed=4)
    with (
        running(world, latency_ms=60) as server,
        OnaClient(server.token, server.base_url, requests_per_second=1000) as client,
    ):
        first, second = succeeded(sync_environments(client)), succeeded(sync_environments(client))
    assert first.requests > 15, "slices cost a few requests more than one page after another"
    assert (first.changed, second.changed) == (1500, 0)
    assert second.requests < 45
    assert_equal_to(world)


def test_a_refused_token_is_a_failed_run_that_says_what_to_do(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    with OnaClient("another-token", sandbox.base_url) as stranger:
        run = sync_environments(stranger)
    assert run is not None
    assert (run.state, run.error_code, run.gone) == (SyncRun.State.FAILED, "unauthenticated", 0)
    assert "ONA_API_KEY" in run.error
    assert "another-token" not in run.error
    assert Environment.objects.present().count() == 250


def test_an_unreachable_ona_is_a_failed_run_and_nothing_is_lost(sandbox: Sandbox, client: OnaClient) -> None:
    sync_environments(client)
    with OnaClient("a-token", "http://127.0.0.1:9", attempts=1) as nowhere:
        run = sync_environments(nowhere)
    assert run is not None
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "unreachable")
    assert Environment.objects.present().count() == 250


def test_a_run_left_open_by_a_crash_is_closed_by_the_next(client: OnaClient) -> None:
    lost = SyncRun.objects.create(kind="environments", state="running", started_at="2026-01-01T00:00:00Z")
    succeeded(sync_environments(client))
    lost.refresh_from_db()
    assert (lost.state, lost.error_code) == (SyncRun.State.FAILED, "interrupted")


@override_settings(ONA_CONCURRENCY=1)
def test_without_concurrency_pages_are_read_one_after_another(sandbox: Sandbox, client: OnaClient) -> None:
    run = succeeded(sync_environments(client))
    assert run.requests == run.pages == 3
