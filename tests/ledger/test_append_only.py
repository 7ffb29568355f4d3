"""What the database refuses, whoever asks: the ledger's rows are kept, and kept as they were."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from tests.support import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending() -> Operation:
    target = recording.Target("environment", uuid.uuid4(), "quiet-otter")
    return recording.begin("environment.stop", target, {"actor": factories.user(), "reason": "for a test"})[0]


@pytest.fixture
def closed(pending: Operation) -> Operation:
    recording.close(pending, Outcome.SUCCEEDED)
    return pending


def refused(statement: str, *values: object) -> None:
    with pytest.raises(IntegrityError, match="the ledger refuses"), transaction.atomic():
        connection.cursor().execute(statement, values)


def test_rows_are_not_deleted_through_the_orm(closed: Operation) -> None:
    for delete in (closed.delete, Operation.objects.all().delete):
        with pytest.raises(IntegrityError, match="the ledger refuses DELETE"), transaction.atomic():
            delete()
    assert Operation.objects.count() == 1


@pytest.mark.parametrize("outcome", Outcome.values)
def test_rows_are_not_deleted_by_sql_however_they_ended(pending: Operation, outcome: str) -> None:
    if outcome != Outcome.PENDING:
        recording.close(pending, Outcome(outcome))
    refused("DELETE FROM ledger_operation WHERE id = %s", pending.id)


def test_the_table_is_not_emptied() -> None:
    with transaction.atomic():
        connection.cursor().execute("ALTER TABLE ledger_operation ENABLE TRIGGER ledger_truncate")
        refused("TRUNCATE ledger_operation")
        connection.cursor().execute("ALTER TABLE ledger_operation DISABLE TRIGGER ledger_truncate")


@pytest.mark.parametrize(
    "assignment",
    [
        "outcome = 'failed'", "reason = 'another'", "actor_name = 'somebody'", "after = '{}'", "explanation = 'fine'",
        "closed_at = NULL", "message = 'x'", "target_name = 'x'", "asked_at = now()",
    ],
)  # fmt: skip
def test_a_closed_row_stays_as_it_is(closed: Operation, assignment: str) -> None:
    refused(f"UPDATE ledger_operation SET {assignment} WHERE id = %s", closed.id)


def test_a_closed_row_is_not_saved_again_through_the_orm(closed: Operation) -> None:
    closed.reason = "another"
    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        closed.save()
    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        Operation.objects.update(outcome=Outcome.FAILED)


@pytest.mark.parametrize(
    "assignment",
    [
        "reason = 'another'", "actor_name = 'somebody'", "actor_id = 7", "action = 'environment.start'",
        "target_name = 'x'", "target_id = gen_random_uuid()", "before = '{\"a\": 1}'", "request = '{\"a\": 1}'",
        "origin = 'command'", "asked_at = now() + interval '1 hour'", "id = gen_random_uuid()",
    ],
)  # fmt: skip
def test_what_was_asked_for_stays_while_the_row_is_open(pending: Operation, assignment: str) -> None:
    refused(f"UPDATE ledger_operation SET {assignment} WHERE id = %s", pending.id)


@pytest.mark.parametrize(
    "assignment", ["outcome = 'succeeded'", "outcome = 'failed'", "closed_at = now()"]
)  # fmt: skip
def test_an_end_needs_both_an_outcome_and_a_time(pending: Operation, assignment: str) -> None:
    refused(f"UPDATE ledger_operation SET {assignment} WHERE id = %s", pending.id)


def test_what_is_unknown_does_not_become_pending_again(pending: Operation) -> None:
    Operation.objects.update(outcome=Outcome.UNKNOWN)
    refused("UPDATE ledger_operation SET outcome = 'pending' WHERE id = %s", pending.id)


def test_when_a_call_left_is_written_once(pending: Operation) -> None:
    recording.sent(pending)
    refused("UPDATE ledger_operation SET sent_at = now() + interval '1 hour' WHERE id = %s", pending.id)
    refused("UPDATE ledger_operation SET sent_at = NULL WHERE id = %s", pending.id)


def test_no_row_begins_as_ended() -> None:
    row = {"id": uuid.uuid4(), "actor_name": "ann", "action": "environment.stop", "asked_at": timezone.now()}
    for ended in ({"outcome": Outcome.SUCCEEDED, "closed_at": timezone.now()}, {"outcome": Outcome.UNKNOWN}):
        with pytest.raises(IntegrityError, match="begins as pending"), transaction.atomic():
            Operation.objects.create(**row | ended)


def test_a_creation_gets_its_target_once(db: None) -> None:
    target = recording.Target("environment", None, "new")
    operation, _ = recording.begin("environment.create", target, {"actor": factories.user()})
    assert recording.close(operation, Outcome.SUCCEEDED, target_id=uuid.uuid4())
    refused("UPDATE ledger_operation SET target_id = NULL WHERE id = %s", operation.id)


def test_only_the_first_to_close_a_row_closes_it(closed: Operation) -> None:
    assert not recording.close(closed, Outcome.FAILED)
    assert closed.outcome == Outcome.SUCCEEDED


def test_the_actor_is_kept_by_name_when_the_user_is_deleted() -> None:
    actor = factories.user("Admin", username="ann")
    target = recording.Target("environment", uuid.uuid4(), "quiet-otter")
    operation, _ = recording.begin("environment.stop", target, {"actor": actor})
    actor.delete()
    assert Operation.objects.get(pk=operation.pk).actor_name == "ann"
