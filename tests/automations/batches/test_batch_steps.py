"""Batches in several steps, with a first wave or a waiting time, and those that take another back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from automations.actions.tasks import START_TASK
from automations.batches import inverse, worker
from automations.batches.registry import KINDS
from automations.batches.start import cancel_batch, continue_batch, start_batch
from automations.models import Batch, BatchItem, ItemState, Task
from environments.actions import lifecycle, metadata, specification
from environments.actions.registry import Action
from environments.models import Environment, Phase
from environments.sync.full_listing import sync_environments
from portal.accounts.roles import grant_roles
from portal.ledger import recording
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.batches.batching import REFERENCE, starts, states, with_task
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
RUNNING = Condition("RUNNING", public_port=True, never_stops=True)
START, STOP = (f"EnvironmentService/{name}Environment" for name in ("Start", "Stop"))


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    grant_roles(apps)
    with connect(World(environments=2, seed=6, speed=0)) as server:
        yield server


@pytest.fixture
def admin(sandbox: Sandbox) -> User:
    return factories.user("Admin")


def known(sandbox: Sandbox, count: int, condition: Condition = RUNNING) -> list[str]:
    ids = [sandbox.world.add_environment(condition) for _ in range(count)]
    look(sandbox)
    return ids


def look(sandbox: Sandbox) -> None:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=5000) as client:
        sync_environments(client)


def begin(action: Action, ids: list[str], actor: User, *, start_first: bool = False, **options: Any) -> Batch:
    reference = REFERENCE if KINDS[action.name].has_reference else ""
    choice = KINDS[action.name].choose(reference, Environment.objects.filter(pk__in=ids), start_first=start_first)
    given = {"candidates": choice.candidates, "at_once": 10, "stop_after": None, "reason": "for a test"} | options
    return start_batch(action=action, reference=reference, actor=actor, **given)


def turns(sandbox: Sandbox, count: int, minutes: float = 5) -> None:
    for _ in range(count):
        worker.drive_batches()
        sandbox.world.advance(timedelta(minutes=minutes))
    worker.drive_batches()


def phases(ids: list[str]) -> set[str]:
    return set(Environment.objects.filter(pk__in=ids).values_list("phase", flat=True))


def operations(batch: Batch, id_: str) -> list[str]:
    found = Operation.objects.filter(parent_id=batch.pk, environment_id=id_).order_by("asked_at")
    return list(found.values_list("action", flat=True))


def test_a_restart_is_a_stop_and_then_a_start_and_nothing_that_was_stopped_stays_so(
    sandbox: Sandbox, admin: User
) -> None:
    ids = known(sandbox, 4)
    batch = begin(lifecycle.RESTART, ids, admin, at_once=2)
    worker.drive_batches()
    assert states(batch) == {ItemState.UNDER_WAY: 2, ItemState.WAITING: 2}
    cancel_batch(batch=batch, actor=admin)  # the two that were stopped are started again all the same
    turns(sandbox, 3)
    assert states(batch) == {ItemState.SUCCEEDED: 2, ItemState.LEFT_OUT: 2}
    assert (phases(ids), sandbox.requests[STOP], sandbox.requests[START]) == ({Phase.RUNNING}, 2, 2)
    restarted = batch.items.filter(state=ItemState.SUCCEEDED)[0]
    assert operations(batch, str(restarted.environment_id)) == ["environment.stop", "environment.start"]


def test_a_restart_whose_start_is_refused_says_that_it_was_stopped(sandbox: Sandbox, admin: User) -> None:
    (id_,) = known(sandbox, 1)
    batch = begin(lifecycle.RESTART, [id_], admin)
    worker.drive_batches()
    sandbox.world.advance(timedelta(minutes=5))
    sandbox.world.change(id_, metadata={"archivedAt": "2026-01-01T00:00:00Z"})  # Ona starts no archived ones
    worker.drive_batches()
    item = batch.items.get()
    assert (item.state, item.why.partition(":")[0]) == (ItemState.FAILED, "Start")


@pytest.mark.parametrize("moment", ["before the next step", "before it was sent", "before it was written down"])
def test_a_worker_that_dies_between_steps_leaves_what_another_takes_up(
    moment: str, sandbox: Sandbox, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = known(sandbox, 2)
    batch = begin(lifecycle.RESTART, ids, admin)
    worker.drive_batches()
    sandbox.world.advance(timedelta(minutes=5))
    owner, name = {
        "before the next step": (worker, "_ask_more"),
        "before it was sent": (recording, "sent"),
        "before it was written down": (worker, "_write_down"),
    }[moment]

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(owner, name, die)
        with pytest.raises(KeyboardInterrupt):
            worker.drive_batches()
    turns(sandbox, 2)
    assert states(batch) == {ItemState.SUCCEEDED: 2}
    assert (phases(ids), sandbox.requests[STOP], sandbox.requests[START]) == ({Phase.RUNNING}, 2, 2)


def test_what_is_stopped_is_started_for_a_task_and_stopped_again_and_what_runs_stays(
    sandbox: Sandbox, admin: User
) -> None:
    runs, stops, archived = with_task(sandbox, 3)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        client.stop_environment(stops)
        client.archive_environment(archived)
    sandbox.world.advance(timedelta(minutes=5))
    look(sandbox)
    plain = KINDS[START_TASK.name].choose(REFERENCE, Environment.objects.filter(pk__in=[runs, stops]))
    assert [str(each.environment.pk) for each in plain.candidates] == [runs]
    choice = KINDS[START_TASK.name].choose(
        REFERENCE, Environment.objects.filter(pk__in=[runs, stops, archived]), start_first=True
    )
    assert [each.why for each in choice.obstacles] == ["It is archived. Unarchive it first."]
    batch = begin(START_TASK, [runs, stops, archived], admin, start_first=True)
    turns(sandbox, 5, minutes=20)
    assert starts(sandbox) == {runs: 1, stops: 1}
    assert operations(batch, runs) == ["task.start"]
    assert operations(batch, stops) == ["environment.start", "task.start", "environment.stop"]
    assert (phases([runs]), phases([stops])) == ({Phase.RUNNING}, {Phase.STOPPED})
    assert set(states(batch)) <= {ItemState.SUCCEEDED, ItemState.FAILED}
    assert all(item.execution_id for item in batch.items.all())


def test_an_environment_started_for_a_task_is_stopped_again_whatever_became_of_the_task(
    sandbox: Sandbox, admin: User
) -> None:
    refused, started = with_task(sandbox, 2)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for id_ in (refused, started):
            client.stop_environment(id_)
        sandbox.world.advance(timedelta(minutes=5))
        look(sandbox)
        batch = begin(START_TASK, [refused, started], admin, start_first=True)
        client.start_environment(started)  # somebody else did, before the batch came to it
    sandbox.world.advance(timedelta(minutes=10))
    for task in Task.objects.filter(environment__in=[refused, started], reference=REFERENCE):
        sandbox.world.tasks.remove(str(task.pk))
    turns(sandbox, 3)
    assert (phases([refused]), phases([started])) == ({Phase.STOPPED}, {Phase.RUNNING})
    assert states(batch) == {ItemState.FAILED: 2}
    assert operations(batch, refused) == ["environment.start", "task.start", "environment.stop"]


def test_who_may_run_tasks_but_not_start_environments_cannot_have_them_started(sandbox: Sandbox, admin: User) -> None:
    (id_,) = with_task(sandbox, 1)
    Environment.objects.filter(pk=id_).update(phase=Phase.STOPPED, desired_phase=Phase.STOPPED)
    runner = factories.user("Operator")
    runner.groups.clear()
    runner.user_permissions.set(Permission.objects.filter(codename="run_task"))
    with pytest.raises(PermissionDenied):
        begin(START_TASK, [id_], runner, start_first=True)


def test_values_before_come_back_where_the_batch_changed_them_and_nobody_else_since(
    sandbox: Sandbox, admin: User
) -> None:
    for policy in ("maxPortAdmissionLevel", "maximumEnvironmentTimeout"):  # else Ona refuses what was before
        sandbox.world.organization.policies.pop(policy)
    ids = known(sandbox, 3)
    at = timezone.now().replace(microsecond=0) + timedelta(days=9)
    values = (
        (specification.LIMIT_PORTS, {"values": {"admission": "ADMISSION_LEVEL_CREATOR_ONLY"}}, ("spec", "ports")),
        (specification.TIMEOUT, {"values": {"timeout": "7200"}}, ("spec", "timeout")),
        (metadata.SET_LOCKDOWN, {"lockdown_at": at}, ("metadata", "lockdownAt")),
    )

    def at_ona(id_: str, place: tuple[str, str]) -> Any:
        return sandbox.world.document(id_)[place[0]].get(place[1])

    for action, options, place in values:
        before = {id_: at_ona(id_, place) for id_ in ids}
        done = begin(action, ids, admin, **options)
        worker.drive_batches()
        choice = inverse.choose(done, Environment.objects.filter(pk__in=ids))
        assert len(choice.candidates) == 3, (action.name, choice.obstacles)
        assert all(each.words for each in choice.candidates)
        with OnaClient(sandbox.token, sandbox.base_url) as client:  # somebody changes one of them
            other = {
                "spec": {"ports": [{"port": 9999, "name": "x", "admission": "ADMISSION_LEVEL_ORGANIZATION"}]}
                if action is specification.LIMIT_PORTS else {"timeout": {"disconnected": "3600s"}},
            } if place[0] == "spec" else {"metadata": {"lockdownAt": "2090-01-01T00:00:00Z"}}  # fmt: skip
            client.update_environment(ids[0], **other)
        theirs = at_ona(ids[0], place)
        back = begin(action, [], admin, candidates=choice.candidates, undo_of=done.pk)
        worker.drive_batches()
        assert states(back) == {ItemState.SUCCEEDED: 2, ItemState.FAILED: 1}, action.name
        assert [at_ona(id_, place) for id_ in ids] == [theirs, before[ids[1]], before[ids[2]]]
        again = inverse.choose(back, Environment.objects.filter(pk__in=ids))
        assert len(again.candidates) == 2  # and so it can be taken back itself


def test_the_rest_waits_until_somebody_has_looked_at_the_first_and_outlives_the_worker(
    sandbox: Sandbox, admin: User
) -> None:
    ids = known(sandbox, 5)
    batch = begin(lifecycle.STOP, ids, admin, look_after=2, at_once=5)
    turns(sandbox, 3)
    assert states(batch) == {ItemState.SUCCEEDED: 2, ItemState.WAITING: 3}
    stranger = factories.user("Viewer")
    with pytest.raises(PermissionDenied):
        continue_batch(batch=batch, actor=stranger)
    assert continue_batch(batch=batch, actor=admin)
    assert not continue_batch(batch=batch, actor=admin)
    turns(sandbox, 2)
    assert states(batch) == {ItemState.SUCCEEDED: 5}
    assert batch.continued_by == admin.get_username()
    small = begin(lifecycle.START, ids[:2], admin, look_after=3)  # all are among the first
    turns(sandbox, 2)
    assert states(small) == {ItemState.SUCCEEDED: 2}
    assert not continue_batch(batch=small, actor=admin)


def test_a_deletion_waits_and_can_be_withdrawn_until_it_begins(sandbox: Sandbox, admin: User, settings: Any) -> None:
    ids = known(sandbox, 2, Condition("STOPPED", archived=True))
    for is_withdrawn in (True, False):
        batch = begin(lifecycle.DELETE, ids, admin)
        worker.drive_batches()
        assert states(batch) == {ItemState.WAITING: 2}
        if is_withdrawn:
            assert cancel_batch(batch=batch, actor=admin)
        with time_machine.travel(timezone.now() + timedelta(seconds=settings.DELETION_DELAY_SECONDS + 1)):
            turns(sandbox, 3)
        assert states(batch) == {(ItemState.LEFT_OUT if is_withdrawn else ItemState.SUCCEEDED): 2}
    assert sandbox.requests["EnvironmentService/DeleteEnvironment"] == 2
    assert not BatchItem.objects.filter(batch=batch).exclude(state=ItemState.SUCCEEDED).exists()
