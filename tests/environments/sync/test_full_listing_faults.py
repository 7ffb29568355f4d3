from datetime import timedelta

import pytest

from environments.models import Environment, SyncRun
from environments.sync.full_listing import sync_environments
from portal.ona import OnaClient
from portal.sandbox.faults import PROFILES
from portal.sandbox.server import running
from portal.sandbox.world import World
from tests.environments.sync.test_full_listing import assert_equal_to, succeeded

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = {"requests_per_second": 1000.0, "timeout": 1.0}


@pytest.mark.parametrize("profile", PROFILES)
def test_with_faults_the_table_equals_ona_or_the_run_fails_and_nothing_is_deleted(profile: str) -> None:
    world = World(environments=220, seed=5)
    with running(world) as good, OnaClient(good.token, good.base_url, **REQUESTS) as client:
        succeeded(sync_environments(client))
    before = set(Environment.objects.present().values_list("id", flat=True))
    world.remove(str(min(before)))
    world.advance(timedelta(minutes=30))
    with running(world, faults=profile) as bad, OnaClient(bad.token, bad.base_url, attempts=4, **REQUESTS) as client:
        bad.faults.slow_seconds = 2.0
        disturbing = bool(PROFILES[profile][0]) and profile != "deadstream"
        for number in range(20):
            if number >= 3 and (bad.faults.injected or not disturbing):
                break
            run = sync_environments(client)
            assert run is not None
            if run.state == SyncRun.State.SUCCEEDED:
                assert_equal_to(world)
                if bad.faults.injected or not disturbing:
                    break
                continue
            assert run.error
            assert set(Environment.objects.present().values_list("id", flat=True)) >= before
        assert bool(bad.faults.injected) >= disturbing


def test_a_truncated_listing_marks_nothing_as_deleted() -> None:
    world = World(environments=220, seed=6)
    with running(world) as server, OnaClient(server.token, server.base_url, attempts=1, **REQUESTS) as client:
        succeeded(sync_environments(client))
        world.remove(next(world.documents())["id"])
        server.faults.inject("cut", times=100, rpc="ListEnvironments")
        run = sync_environments(client)
        assert run is not None
        assert (run.state, run.gone) == (SyncRun.State.FAILED, 0)
        assert Environment.objects.present().count() == 220
        server.faults.clear()
        assert succeeded(sync_environments(client)).gone == 1
        assert_equal_to(world)


def test_errors_while_fetching_missing_environments_mark_nothing_as_deleted() -> None:
    world = World(environments=120, seed=7)
    with running(world) as server, OnaClient(server.token, server.base_url, attempts=1, **REQUESTS) as client:
        succeeded(sync_environments(client))
        world.remove(next(world.documents())["id"])
        server.faults.inject("error503", times=100, rpc="GetEnvironment")
        run = sync_environments(client)
        assert run is not None
        assert (run.state, run.error_code, run.missing) == (SyncRun.State.FAILED, "unavailable", 1)
        assert Environment.objects.present().count() == 120
