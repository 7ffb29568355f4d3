"""One action on many environments: what came of it, who may, and what outlives a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from automations.batches import worker as batches_worker
from automations.batches.registry import KINDS
from automations.batches.start import cancel_batch, start_batch
from automations.batches.tasks import drive_batches
from automations.models import Batch, ItemState
from environments.actions import lifecycle, metadata, specification
from environments.actions.execute import NotPossible
from environments.actions.registry import Action
from environments.models import Environment, Phase
from environments.sync.full_listing import sync_environments
from portal.accounts.roles import grant_roles
from portal.directory import connection as directory
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.batches.batching import DYING, celery_worker, dying_worker, kill, states, wait_until
from tests.support import factories
from tests.support.profiles import THOROUGH

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
ON_ENVIRONMENTS = [kind.action for kind in KINDS.values() if kind.action.subject == "environment"]
RUNNING = Condition("RUNNING", never_stops=True)


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    grant_roles(apps)
    with connect(World(environments=3, seed=6, speed=0)) as server:
        yield server


@pytest.fixture
def admin(sandbox: Sandbox) -> User:
    return factories.user("Admin")


def known(sandbox: Sandbox, count: int, condition: Condition = RUNNING) -> list[str]:
    """So many new environments of a kind, in the cache."""
    ids = [sandbox.world.add_environment(condition) for _ in range(count)]
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=5000) as client:
        sync_environments(client)
    return ids


def begin(action: Action, ids: list[str], actor: User, **options: Any) -> Batch:
    candidates = KINDS[action.name].choose("", Environment.objects.filter(pk__in=ids)).candidates
    given = {"at_once": 10, "stop_after": None, "reason": "for a test"} | options
    return start_batch(action=action, reference="", candidates=candidates, actor=actor, **given)


def turn(sandbox: Sandbox, minutes: float = 3) -> None:
    """A worker's turn, after some time at Ona."""
    sandbox.world.advance(timedelta(minutes=minutes))
    batches_worker.drive_batches()


def at_ona(sandbox: Sandbox, id_: str) -> dict[str, Any]:
    return sandbox.world.document(id_)


def test_many_environments_stop_a_few_at_a_time_and_each_stop_is_followed(sandbox: Sandbox, admin: User) -> None:
    ids = known(sandbox, 5)
    batch = begin(lifecycle.STOP, ids, admin, at_once=2, reason="locked down and running")
    batches_worker.drive_batches()
    assert states(batch) == {ItemState.UNDER_WAY: 2, ItemState.WAITING: 3}
    for _ in range(4):
        turn(sandbox)
    assert states(batch) == {ItemState.SUCCEEDED: 5}
    assert {at_ona(sandbox, id_)["status"]["phase"] for id_ in ids} == {Phase.STOPPED.value}
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 5
    whole = Operation.objects.get(pk=batch.pk)
    assert (whole.outcome, whole.action, whole.target_name) == (
        Outcome.SUCCEEDED, "batch.environment_stop", "5 environments",
    )  # fmt: skip
    parts = Operation.objects.filter(parent_id=batch.pk)
    assert {str(part.environment_id) for part in parts} == set(ids)
    assert {(part.action, part.reason, part.actor_name) for part in parts} == {
        ("environment.stop", "locked down and running", admin.get_username())
    }


def test_archived_brought_back_and_started_again(sandbox: Sandbox, admin: User) -> None:
    ids = known(sandbox, 2, Condition("STOPPED"))
    for action, phase, archived in (
        (lifecycle.ARCHIVE, Phase.STOPPED, True),
        (lifecycle.UNARCHIVE, Phase.STOPPED, False),
        (lifecycle.START, Phase.RUNNING, False),
    ):
        batch = begin(action, ids, admin)
        for _ in range(2):
            turn(sandbox)
        assert states(batch) == {ItemState.SUCCEEDED: 2}
        rows = Environment.objects.filter(pk__in=ids)
        assert {(row.phase, row.archived_at is not None) for row in rows} == {(phase, archived)}


def test_ports_timeouts_and_containers_are_changed_for_all(sandbox: Sandbox, admin: User) -> None:
    ids = known(sandbox, 3, Condition("RUNNING", public_port=True, never_stops=True))
    for action, values in (
        (specification.LIMIT_PORTS, {"admission": "ADMISSION_LEVEL_CREATOR_ONLY"}),
        (specification.TIMEOUT, {"timeout": "7200"}),
        (specification.REBUILD, {}),
        (lifecycle.KEEP_AWAKE, {}),
    ):
        batch = begin(action, ids, admin, values=values)
        batches_worker.drive_batches()  # Ona's answer is the end of it
        assert states(batch) == {ItemState.SUCCEEDED: 3}, action.name
    for id_ in ids:
        spec = at_ona(sandbox, id_)["spec"]
        assert {port["admission"] for port in spec["ports"]} == {"ADMISSION_LEVEL_CREATOR_ONLY"}
        assert spec["timeout"]["disconnected"] == "7200s"
    again = begin(specification.LIMIT_PORTS, ids, admin, values={"admission": "ADMISSION_LEVEL_ORGANIZATION"})
    batches_worker.drive_batches()
    assert states(again) == {ItemState.SUCCEEDED: 3}
    assert {port["admission"] for port in at_ona(sandbox, ids[0])["spec"]["ports"]} == {"ADMISSION_LEVEL_CREATOR_ONLY"}
    rows = Environment.objects.filter(pk__in=ids)
    assert set(rows.values_list("open_to_everyone", "timeout")) == {(False, timedelta(hours=2))}


def test_a_lockdown_is_moved_for_all_and_cleared_for_all(sandbox: Sandbox, admin: User) -> None:
    ids, at = known(sandbox, 6), timezone.now().replace(microsecond=0) + 9 * DAY
    moved = begin(metadata.SET_LOCKDOWN, ids, admin, at_once=2, lockdown_at=at)
    batches_worker.drive_batches()  # Ona's answer is the end of it: one turn does for all
    assert states(moved) == {ItemState.SUCCEEDED: 6}
    assert set(Environment.objects.filter(pk__in=ids).values_list("lockdown_at", flat=True)) == {at}
    cleared = begin(metadata.CLEAR_LOCKDOWN, ids, admin)
    batches_worker.drive_batches()
    assert states(cleared) == {ItemState.SUCCEEDED: 6}
    assert not any("lockdownAt" in at_ona(sandbox, id_)["metadata"] for id_ in ids)


@pytest.mark.parametrize("lockdown_at", [None, timezone.now() - DAY])
def test_a_lockdown_wants_a_moment_ahead(lockdown_at: Any, sandbox: Sandbox, admin: User) -> None:
    ids = known(sandbox, 1)
    with pytest.raises(NotPossible):
        begin(metadata.SET_LOCKDOWN, ids, admin, lockdown_at=lockdown_at)
    assert not Operation.objects.exists()


def test_environments_whose_turn_comes_after_the_moment_are_left_out_in_words(sandbox: Sandbox, admin: User) -> None:
    batch = begin(metadata.SET_LOCKDOWN, known(sandbox, 2), admin, lockdown_at=timezone.now() + timedelta(minutes=2))
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        batches_worker.drive_batches()
    assert states(batch) == {ItemState.LEFT_OUT: 2}
    assert {item.why.partition(":")[0] for item in batch.items.all()} == {
        "A lockdown must be at least a minute in the future"
    }
    assert {item.operation_id for item in batch.items.all()} == {None}  # there is none to look at
    batch.refresh_from_db()
    assert batch.closed_at


def test_what_ona_refuses_is_told_and_stops_the_batch_after_as_many_as_were_allowed(
    sandbox: Sandbox, admin: User
) -> None:
    ids = known(sandbox, 5, Condition("STOPPED"))
    batch = begin(lifecycle.START, ids, admin, at_once=1, stop_after=2)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for id_ in ids:  # somebody archives them, and the portal has not seen it
            client.archive_environment(id_)
    batches_worker.drive_batches()
    assert states(batch) == {ItemState.FAILED: 2, ItemState.LEFT_OUT: 3}
    assert all("archived" in item.why for item in batch.items.filter(state=ItemState.FAILED))


def test_what_ona_accepted_and_does_not_come_to_ends_as_unknown(sandbox: Sandbox, admin: User) -> None:
    batch = begin(lifecycle.STOP, known(sandbox, 1), admin)
    batches_worker.drive_batches()
    with time_machine.travel(timezone.now() + lifecycle.STOP.patience):
        batches_worker.drive_batches()  # at Ona no time has passed
    assert states(batch) == {ItemState.UNKNOWN: 1}
    assert batch.items.get().why == "Ona accepted it 3 min ago, but the environment is stopping."


def test_what_nobody_could_look_at_is_waited_for_and_not_called_as_it_was_before(sandbox: Sandbox, admin: User) -> None:
    batch = begin(lifecycle.STOP, known(sandbox, 1), admin)
    batches_worker.drive_batches()
    began = timezone.now()
    sandbox.faults.inject("error503", times=1000, rpc="GetEnvironment")
    for minutes, state in ((4, ItemState.UNDER_WAY), (17, ItemState.UNDER_WAY), (19, ItemState.UNKNOWN)):
        with time_machine.travel(began + timedelta(minutes=minutes)):
            batches_worker.drive_batches()
        assert states(batch) == {state: 1}
    assert batch.items.get().why == "Ona accepted it, but its result could not be read afterwards."


def test_what_is_seen_again_after_an_outage_ends_as_it_did(sandbox: Sandbox, admin: User) -> None:
    batch = begin(lifecycle.STOP, known(sandbox, 1), admin)
    batches_worker.drive_batches()
    sandbox.faults.inject("error503", times=1000, rpc="GetEnvironment")
    with time_machine.travel(timezone.now() + timedelta(minutes=4)):
        batches_worker.drive_batches()
    sandbox.faults.clear()
    turn(sandbox)
    assert states(batch) == {ItemState.SUCCEEDED: 1}


def test_a_start_that_failed_says_what_the_environment_says(sandbox: Sandbox, admin: User) -> None:
    (id_,) = known(sandbox, 1, Condition("STOPPED"))
    batch = begin(lifecycle.START, [id_], admin)
    batches_worker.drive_batches()
    sandbox.world.change(id_, status={"failureMessage": ["no machine is free"]})
    with time_machine.travel(timezone.now() + lifecycle.START.patience):
        batches_worker.drive_batches()
    assert states(batch) == {ItemState.FAILED: 1}
    assert "no machine is free" in batch.items.get().why


def test_one_that_is_deleted_meanwhile_ends_as_unknown(sandbox: Sandbox, admin: User) -> None:
    (id_,) = known(sandbox, 1)
    batch = begin(lifecycle.STOP, [id_], admin)
    batches_worker.drive_batches()
    sandbox.world.remove(id_)
    known(sandbox, 0)
    batches_worker.drive_batches()
    assert states(batch) == {ItemState.UNKNOWN: 1}


@pytest.mark.parametrize("action", ON_ENVIRONMENTS)
@pytest.mark.parametrize("role", ["", "Viewer", "Auditor", "Operator", "Admin"])
def test_who_may_do_it_in_one_environment_may_in_many_and_nobody_else(role: str, action: Action) -> None:
    environment = factories.environment(phase=Phase.RUNNING)
    candidates = KINDS[action.name].chosen([environment.pk])
    user = factories.user(role)
    given: dict[str, Any] = {
        "action": action, "reference": "", "candidates": candidates, "at_once": 1, "stop_after": None,
        "lockdown_at": timezone.now() + DAY, "actor": user, "reason": "x",
        "values": {"timeout": "3600", "admission": "ADMISSION_LEVEL_CREATOR_ONLY"},
    }  # fmt: skip
    if user.has_perm(action.permission):
        operable = (lifecycle.START, lifecycle.STOP, lifecycle.RESTART, lifecycle.KEEP_AWAKE)
        assert role == "Admin" or (role == "Operator" and action in operable)
        assert cancel_batch(batch=start_batch(**given), actor=user)
        return
    assert role != "Admin"
    with pytest.raises(PermissionDenied):
        start_batch(**given)
    assert not Operation.objects.exists()
    batch = start_batch(**given | {"actor": factories.user("Admin")})
    with pytest.raises(PermissionDenied):
        cancel_batch(batch=batch, actor=user)


def test_who_may_no_longer_archive_does_not_through_a_batch(sandbox: Sandbox, admin: User) -> None:
    ids = known(sandbox, 2, Condition("STOPPED"))
    batch = begin(lifecycle.ARCHIVE, ids, admin)
    admin.groups.clear()
    batches_worker.drive_batches()
    assert states(batch) == {ItemState.LEFT_OUT: 2}
    assert sandbox.requests["EnvironmentService/ArchiveEnvironment"] == 0


def test_a_worker_that_dies_while_it_leaves_one_out_leaves_nothing_half_written(
    sandbox: Sandbox, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = begin(lifecycle.ARCHIVE, known(sandbox, 1, Condition("STOPPED")), admin)
    admin.groups.clear()

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(batches_worker, "_set", die)
        with pytest.raises(KeyboardInterrupt):
            batches_worker.drive_batches()
    for _ in range(2):
        batches_worker.drive_batches()
    assert states(batch) == {ItemState.LEFT_OUT: 1}


def test_a_batch_that_cannot_be_driven_does_not_keep_the_others(
    sandbox: Sandbox, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = known(sandbox, 2, Condition("STOPPED"))
    broken, sound = (begin(lifecycle.ARCHIVE, [id_], admin) for id_ in ids)
    take_up = batches_worker._take_up

    def stumble(batch: Batch) -> None:
        if batch.pk == broken.pk:
            raise LookupError("a mistake of the portal's")
        take_up(batch)

    monkeypatch.setattr(batches_worker, "_take_up", stumble)
    batches_worker.drive_batches()
    assert states(broken) == {ItemState.WAITING: 1}
    assert ItemState.WAITING not in states(sound)


def test_a_cancelled_batch_stops_nothing_more(sandbox: Sandbox, admin: User) -> None:
    batch = begin(lifecycle.STOP, known(sandbox, 4), admin, at_once=1)
    batches_worker.drive_batches()
    assert cancel_batch(batch=batch, actor=admin)
    turn(sandbox)
    assert states(batch) == {ItemState.SUCCEEDED: 1, ItemState.LEFT_OUT: 3}
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 1


@pytest.mark.parametrize("moment", DYING)
def test_a_worker_that_dies_leaves_what_another_takes_up(
    moment: str, sandbox: Sandbox, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = begin(lifecycle.STOP, known(sandbox, 3), admin)
    dying_worker(batch, moment, monkeypatch)
    assert states(batch)[ItemState.ASKED] == 3
    for _ in range(3):
        turn(sandbox)
    assert states(batch) == {ItemState.SUCCEEDED: 3}
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 3


def test_a_lost_answer_is_proven_before_anything_is_asked_again(sandbox: Sandbox, admin: User, settings: Any) -> None:
    settings.ONA_ACTION_SECONDS = 0.5
    directory._client.cache_clear()
    batch = begin(lifecycle.ARCHIVE, known(sandbox, 1, Condition("STOPPED")), admin)
    with sandbox.hold("EnvironmentService/ArchiveEnvironment", "after") as held:
        batches_worker.drive_batches()
        assert held.arrived.is_set()
    assert states(batch) == {ItemState.ASKED: 1}
    for _ in range(2):
        batches_worker.drive_batches()
    assert states(batch) == {ItemState.SUCCEEDED: 1}
    assert sandbox.requests["EnvironmentService/ArchiveEnvironment"] == 1


def test_a_stop_of_many_environments_outlives_its_worker(connect: Callable[..., Any]) -> None:
    grant_roles(apps)
    stop, count = "EnvironmentService/StopEnvironment", 60 if THOROUGH else 24
    with connect(World(environments=0, seed=5, speed=60)) as sandbox:
        ids = known(sandbox, count)
        batch = begin(lifecycle.STOP, ids, factories.user("Operator"), at_once=count // 3)

        def ring() -> bool:
            drive_batches.apply_async(expires=1)
            return True

        with celery_worker(sandbox, PORTAL_OPERATION_PATIENCE_SECONDS="2") as worker:
            wait_until(lambda: ring() and sandbox.requests[stop] >= count // 4)
            kill(worker)
        assert sandbox.requests[stop] < count
        with celery_worker(sandbox, PORTAL_OPERATION_PATIENCE_SECONDS="2"):
            wait_until(lambda: ring() and Batch.objects.get().closed_at, 120)
        assert states(batch) == {ItemState.SUCCEEDED: count}
    parts = Operation.objects.filter(parent_id=batch.pk, outcome=Outcome.SUCCEEDED)
    assert {str(id_) for id_ in parts.values_list("environment_id", flat=True)} == set(ids)
