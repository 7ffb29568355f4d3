"""One thing asked for in many environments: where it will run, what came of it, when it stops."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from automations.actions.services import RESTART_SERVICE, START_SERVICE, STOP_SERVICE
from automations.actions.tasks import START_TASK
from automations.batches import worker
from automations.batches.outcomes import NOT_FOLLOWED, NOT_SEEN, ended
from automations.batches.plan import BUSY, NOT_RUNNING, choose
from automations.batches.start import cancel_batch, start_batch
from automations.models import Batch, BatchItem, ItemState, Service, ServicePhase, Task, TaskExecution
from automations.sync.observe import sync_automations
from environments.actions.execute import NotPossible, ReasonMissing
from environments.models import Environment
from environments.sync.full_listing import sync_environments
from portal.directory import connection as directory
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.batches.batching import DYING, REFERENCE, dying_worker, starts, states, with_task
from tests.support import automation_factories, factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    with connect(World(environments=3, seed=6, speed=0)) as server:
        yield server


@pytest.fixture
def operator(sandbox: Sandbox) -> User:
    return factories.user("Operator")


def begin(actor: User, **options: Any) -> Batch:
    action = options.pop("action", START_TASK)
    reference = options.pop("reference", REFERENCE)
    candidates = options.pop("candidates", None) or choose(action, reference, Environment.objects.all()).candidates
    given = {"at_once": 10, "stop_after": None, "reason": "for a test"} | options
    return start_batch(action=action, reference=reference, candidates=candidates, actor=actor, **given)


def turn(sandbox: Sandbox, minutes: float = 20) -> None:
    """A worker's turn, after some time at Ona."""
    sandbox.world.advance(timedelta(minutes=minutes))
    worker.drive_batches()


def test_a_preview_says_where_it_will_run_and_where_it_cannot_and_why(sandbox: Sandbox, operator: User) -> None:
    ids = with_task(sandbox, 3)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        client.start_task(Task.objects.get(environment=ids[0], reference=REFERENCE).pk)
        stopped = sandbox.world.add_environment(Condition("STOPPED"))
        without = sandbox.world.add_environment(Condition("RUNNING", never_stops=True))
        sync_environments(client)
        sync_automations(client, everything=True)
    choice = choose(START_TASK, REFERENCE, Environment.objects.filter(pk__in=[*ids, stopped, without]))
    assert {str(each.environment.pk) for each in choice.candidates} == set(ids[1:])
    assert {obstacle.why: obstacle.count for obstacle in choice.obstacles} == {
        BUSY: 1, "has no such task": 1, NOT_RUNNING: 1,
    }  # fmt: skip
    assert choice.left_out == 3


def test_each_environment_gets_one_start_and_its_result(sandbox: Sandbox, operator: User) -> None:
    ids = with_task(sandbox, 6)
    batch = begin(operator, at_once=2)
    worker.drive_batches()
    assert states(batch) == {ItemState.UNDER_WAY: 2, ItemState.WAITING: 4}
    for _ in range(6):
        turn(sandbox)
    batch.refresh_from_db()
    assert starts(sandbox) == dict.fromkeys(ids, 1)
    assert batch.closed_at
    for item in batch.items.all():
        execution = TaskExecution.objects.get(pk=item.execution_id)
        assert execution.phase.endswith(item.state.upper())
        assert (execution.environment_id, item.why) == (item.environment_id, execution.failure)


def test_a_batch_is_one_thing_in_the_ledger_with_its_operations_beneath(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 2)
    batch = begin(operator, reason="index is broken")
    for _ in range(3):
        turn(sandbox)
    whole = Operation.objects.get(pk=batch.pk)
    parts = Operation.objects.filter(parent_id=batch.pk)
    assert whole.closed_at
    assert sum(whole.after["results"].values()) == 2
    assert {part.environment_id for part in parts} == {item.environment_id for item in batch.items.all()}
    assert {(part.reason, part.actor_name, part.action) for part in parts} == {
        ("index is broken", operator.get_username(), "task.start")
    }
    pages = factories.client("Viewer")
    listed = pages.get("/operations/").content.decode()
    assert str(batch.pk) in listed
    assert not any(str(part.pk) in listed for part in parts)
    beneath = pages.get(f"/operations/?part-of={batch.pk}").content.decode()
    assert all(str(part.pk) in beneath for part in parts)
    assert f"/operations/batches/{batch.pk}/" in pages.get(f"/operations/{batch.pk}/").content.decode()


def test_what_ona_refuses_in_one_environment_does_not_keep_the_others(sandbox: Sandbox, operator: User) -> None:
    ids = with_task(sandbox, 4)
    batch = begin(operator)
    # between preview and run: one stops, of another the task is deleted
    gone = Task.objects.get(environment=ids[1], reference=REFERENCE).pk
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        client.stop_environment(ids[0])
        client.delete_task(gone)
    worker.drive_batches()
    for _ in range(3):
        turn(sandbox)
    items = {str(item.environment_id): item for item in batch.items.all()}
    assert items[ids[0]].state == ItemState.FAILED
    assert "not running" in items[ids[0]].why
    assert items[ids[1]].state == ItemState.FAILED
    assert items[ids[1]].why
    assert starts(sandbox) == dict.fromkeys(ids[2:], 1)
    batch.refresh_from_db()
    assert batch.closed_at


def test_it_stops_after_as_many_failures_as_were_asked_for(sandbox: Sandbox, operator: User) -> None:
    ids = with_task(sandbox, 5)
    batch = begin(operator, at_once=1, stop_after=2)
    for id_ in ids:  # nothing runs any more, and the portal has not seen it
        sandbox.world.change(id_, status={"phase": "ENVIRONMENT_PHASE_STOPPED"})
    worker.drive_batches()
    assert states(batch) == {ItemState.FAILED: 2, ItemState.LEFT_OUT: 3}
    left_out = batch.items.filter(state=ItemState.LEFT_OUT).values_list("why", flat=True).distinct()
    assert list(left_out) == ["The batch stopped after 2 failures."]
    assert Operation.objects.get(pk=batch.pk).outcome == Outcome.FAILED
    assert starts(sandbox).total() == 0


def test_a_cancelled_batch_starts_nothing_more(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 5)
    batch = begin(operator, at_once=2)
    worker.drive_batches()
    assert cancel_batch(batch=batch, actor=operator)
    assert not cancel_batch(batch=batch, actor=operator)
    for _ in range(2):
        turn(sandbox)
    assert starts(sandbox).total() == 2
    assert states(batch)[ItemState.LEFT_OUT] == 3
    batch.refresh_from_db()
    assert batch.closed_at
    assert batch.cancelled_by == operator.get_username()


@pytest.mark.parametrize("moment", DYING)
def test_a_worker_that_dies_leaves_what_another_takes_up(
    moment: str, sandbox: Sandbox, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = with_task(sandbox, 3)
    batch = begin(operator)
    dying_worker(batch, moment, monkeypatch)
    assert states(batch)[ItemState.ASKED] == 3
    for _ in range(4):
        turn(sandbox)
    assert starts(sandbox) == dict.fromkeys(ids, 1)
    assert set(states(batch)) <= {ItemState.SUCCEEDED, ItemState.FAILED}


def test_a_lost_answer_is_proven_before_anything_is_asked_again(
    sandbox: Sandbox, operator: User, settings: Any
) -> None:
    settings.ONA_ACTION_SECONDS = 0.5
    directory._client.cache_clear()
    ids = with_task(sandbox, 1)
    batch = begin(operator)
    with sandbox.hold("EnvironmentAutomationService/StartTask", "after") as held:
        worker.drive_batches()
        assert held.arrived.is_set()
    assert states(batch) == {ItemState.ASKED: 1}
    worker.drive_batches()
    assert states(batch) == {ItemState.UNDER_WAY: 1}
    assert starts(sandbox) == dict.fromkeys(ids, 1)


def test_who_may_no_longer_do_it_does_not_do_it_through_a_batch(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 2)
    batch = begin(operator)
    operator.groups.clear()
    worker.drive_batches()
    assert states(batch) == {ItemState.LEFT_OUT: 2}
    assert starts(sandbox).total() == 0


@pytest.mark.parametrize("role", ["", "Viewer", "Auditor"])
def test_only_those_who_may_begin_or_cancel_one(role: str, sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 1)
    with pytest.raises(PermissionDenied):
        begin(factories.user(role))
    assert not Operation.objects.exists()
    batch = begin(operator)
    for actor in (factories.user(role), AnonymousUser()):
        with pytest.raises(PermissionDenied):
            cancel_batch(batch=batch, actor=actor)


def test_a_batch_needs_a_reason_environments_and_limits_that_make_sense(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 1)
    with pytest.raises(ReasonMissing):
        begin(operator, reason=" ")
    for wrong in ({"at_once": 0}, {"at_once": 51}, {"stop_after": 0}):
        with pytest.raises(NotPossible):
            begin(operator, **wrong)
    given: dict[str, Any] = {
        "action": START_TASK,
        "reference": REFERENCE,
        "at_once": 1,
        "stop_after": None,
        "reason": "x",
    }
    with pytest.raises(NotPossible):
        start_batch(candidates=[], actor=operator, **given)
    assert not Operation.objects.exists()


def test_asked_for_twice_it_is_one_batch(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 2)
    identifier = uuid.uuid4()
    first, second = (begin(operator, operation_id=identifier) for _ in range(2))
    assert first == second
    assert BatchItem.objects.count() == 2


def test_services_are_started_and_stopped_in_many_environments(sandbox: Sandbox, operator: User) -> None:
    ids = [sandbox.world.add_environment(Condition("RUNNING", never_stops=True)) for _ in range(2)]
    metadata, spec = {"reference": "indexer", "name": "Indexer"}, {"commands": {"start": "serve"}}
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for id_ in ids:
            client.create_service(id_, metadata=metadata, spec=spec)
        sync_environments(client)
        sync_automations(client, everything=True)
    started = begin(operator, action=START_SERVICE, reference="indexer")
    worker.drive_batches()
    for _ in range(2):
        turn(sandbox, 2)
    assert sum(states(started).values()) == 2
    assert ItemState.UNDER_WAY not in states(started)
    restarted = begin(operator, action=RESTART_SERVICE, reference="indexer")
    assert (
        restarted.items.count()
        == Service.objects.filter(reference="indexer").exclude(phase=ServicePhase.STOPPED).count()
    )
    worker.drive_batches()
    for _ in range(3):
        turn(sandbox, 2)
    parts = Operation.objects.filter(parent_id=restarted.pk).values_list("action", flat=True)
    assert set(parts) == {"service.stop", "service.start"}
    assert ItemState.UNDER_WAY not in states(restarted)
    running = Service.objects.filter(reference="indexer", phase="SERVICE_PHASE_RUNNING").count()
    assert states(restarted).get(ItemState.SUCCEEDED, 0) == running
    stopped = begin(operator, action=STOP_SERVICE, reference="indexer")
    worker.drive_batches()
    for _ in range(2):
        turn(sandbox, 2)
    assert set(states(stopped)) == {ItemState.SUCCEEDED}


@pytest.mark.parametrize(("is_seen", "minutes"), [(True, 15), (False, 30)])
def test_a_service_that_does_not_come_is_only_called_so_where_it_was_looked_at(
    is_seen: bool, minutes: int, sandbox: Sandbox, operator: User
) -> None:
    began = timezone.now()
    service = automation_factories.service(factories.environment(), phase=ServicePhase.STOPPED, seen_at=began)
    batch = begin(operator, action=START_SERVICE, reference=service.reference)
    batch.items.update(state=ItemState.UNDER_WAY, began_at=began)
    ends = {}
    for after in (minutes - 1, minutes + 1):
        now = began + timedelta(minutes=after)
        Service.objects.update(seen_at=now if is_seen else began)
        ends[after] = [end for _, end in ended("service.start", list(batch.items.all()), now)]
    words = NOT_FOLLOWED if is_seen else NOT_SEEN
    assert ends == {minutes - 1: [], minutes + 1: [(ItemState.UNKNOWN, words)]}


def test_a_batch_whose_process_died_before_it_was_written_ends_in_words(sandbox: Sandbox, operator: User) -> None:
    with_task(sandbox, 1)
    batch = begin(operator)
    batch.items.all().delete()
    batch.delete()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_operation DISABLE TRIGGER ledger_update")
        cursor.execute("UPDATE ledger_operation SET asked_at = asked_at - interval '5 minutes'")
        cursor.execute("ALTER TABLE ledger_operation ENABLE TRIGGER ledger_update")
    worker.drive_batches()
    operation = Operation.objects.get()
    assert (operation.outcome, operation.explanation) == (Outcome.FAILED, worker.NOTHING_BEGUN)
