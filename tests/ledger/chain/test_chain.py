"""The chain over the ledger: what is written into it, in which order, and that it stays."""

from __future__ import annotations

import importlib
import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal.ledger import recording
from portal.ledger.chain import verify as chain_verify
from portal.ledger.chain.kept_verifications import verify_and_keep
from portal.ledger.models import Entry, Operation, Outcome, Verification
from tests.ledger.chain.tampering import run, undone, unguarded
from tests.support import factories
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
THREADS = 20


def entries() -> list[Entry]:
    return list(Entry.objects.order_by("sequence"))


@pytest.fixture
def closed() -> Operation:
    """Asked for, sent, unknown for a while, and then done."""
    target = recording.Target("environment", uuid.uuid4(), "quiet-otter")
    made, _ = recording.begin("environment.stop", target, {"actor": factories.user(), "reason": "for a test"})
    recording.sent(made)
    Operation.objects.filter(pk=made.pk).update(outcome=Outcome.UNKNOWN, code="unreachable")
    recording.close(made, Outcome.SUCCEEDED, explanation="It was done.")
    return made


def test_each_step_of_an_operation_is_an_entry_over_the_one_before(closed: Operation) -> None:
    found = entries()
    assert [(each.sequence, each.kind) for each in found] == [(1, "begun"), (2, "sent"), (3, "unknown"), (4, "closed")]
    assert {each.operation_id for each in found} == {closed.pk}
    assert [each.previous for each in found] == [chain_verify.GENESIS, *(each.hash for each in found[:-1])]
    assert str(chain_verify.head()) == f"{found[-1].hash}:4"


def test_an_entry_holds_what_was_written_and_no_more(closed: Operation) -> None:
    begun, sent, unknown, ended = (json.loads(each.content) for each in entries())
    columns = {field.column for field in Operation._meta.local_fields}
    assert set(begun) == columns - {"search"}
    assert (begun["reason"], begun["outcome"], begun["closed_at"]) == ("for a test", "pending", None)
    assert set(sent) == {"sent_at"}
    assert unknown == {"outcome": "unknown", "code": "unreachable"}
    assert set(ended) == {"outcome", "closed_at", "explanation"}


def test_hashes_are_those_that_anybody_can_compute(closed: Operation) -> None:
    for each in entries():
        assert each.digest == chain_verify.digest(each.content)
        at = f"{each.at:%Y-%m-%dT%H:%M:%S.%f}Z"
        assert each.hash == chain_verify.link(each.previous, each.sequence, str(closed.pk), each.kind, at, each.digest)


def test_a_write_that_changes_nothing_is_no_entry(closed: Operation) -> None:
    made = operation(is_open=True)
    before = len(entries())
    Operation.objects.filter(pk=made.pk).update(code=made.code)
    assert not recording.close(closed, Outcome.FAILED)
    assert len(entries()) == before


def test_a_whole_chain_holds(closed: Operation) -> None:
    operation(is_open=True)
    operation(outcome=Outcome.FAILED)
    report = chain_verify.verify()
    assert report.findings == []
    assert report.holds
    assert (report.entries, report.operations, report.head) == (8, 3, chain_verify.head())


def test_a_ledger_without_operations_holds() -> None:
    report = chain_verify.verify()
    assert (report.holds, report.entries, report.head) == (True, 0, None)


def test_the_time_zone_of_who_writes_makes_no_difference() -> None:
    run("SET LOCAL TIME ZONE 'Asia/Kolkata'")
    operation()
    run("SET LOCAL TIME ZONE 'UTC'")
    assert chain_verify.verify().findings == []


def test_numbers_are_kept_to_the_digit() -> None:
    after = {"one": 1, "float": 1.5, "text": "1", "true": True, "long": 12345678901234567890123, "tiny": 1e-30}
    made = operation(after=after, request={"ü\u2028": ["\\", '"', "\n", "🦦", []], "": {}})
    assert chain_verify.verify().findings == []
    for other in (
        {"one": True},
        {"one": "1"},
        {"true": 1},
        {"long": 12345678901234567890124},
        {"float": 1.50000000001},
    ):
        with undone(), unguarded():
            Operation.objects.filter(pk=made.pk).update(after=after | other)
            assert "its after was" in " ".join(chain_verify.verify().findings), other
    with unguarded():
        run("UPDATE ledger_operation SET after = '{\"one\": 1.0}'::jsonb || (after - 'one')")
    assert "its after was" in " ".join(chain_verify.verify().findings)


def test_a_column_that_came_later_is_no_finding_while_it_is_empty(closed: Operation) -> None:
    run("ALTER TABLE ledger_operation ADD COLUMN note text NULL")
    assert chain_verify.verify().holds
    with unguarded():
        run("UPDATE ledger_operation SET note = 'x'")
    assert "its note was not there" in " ".join(chain_verify.verify().findings)


def test_what_is_rolled_back_leaves_no_gap(closed: Operation) -> None:
    with undone():
        operation()
    operation()
    assert [each.sequence for each in entries()] == list(range(1, 7))
    assert chain_verify.verify().holds


def test_a_statement_over_many_rows_is_an_entry_for_each() -> None:
    for _ in range(5):
        operation(is_open=True)
    before = len(entries())
    Operation.objects.update(outcome=Outcome.FAILED, closed_at=timezone.now())
    assert [each.kind for each in entries()[before:]] == ["closed"] * 5
    assert chain_verify.verify().holds


def refused(statement: str) -> None:
    with pytest.raises(IntegrityError, match="the ledger refuses"), transaction.atomic():
        run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET content = '{}'",
        "UPDATE ledger_entry SET at = now()",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_entry WHERE sequence = 4",
        "INSERT INTO ledger_entry SELECT sequence + 100, operation_id, kind, content, digest, previous, hash, at"
        " FROM ledger_entry",
        "UPDATE ledger_verification SET found = 0",
        "DELETE FROM ledger_verification",
    ],
)
def test_entries_and_verifications_are_kept_as_they_are(closed: Operation, statement: str) -> None:
    verify_and_keep()
    refused(statement)


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_verification"])
def test_the_chain_is_not_emptied(table: str) -> None:
    run(f"ALTER TABLE {table} ENABLE TRIGGER {table}_truncate")
    refused(f"TRUNCATE {table}")
    run(f"ALTER TABLE {table} DISABLE TRIGGER {table}_truncate")


def test_what_was_in_the_ledger_before_is_chained_in_the_order_it_was_asked_for() -> None:
    with unguarded():
        new, old = operation(ago=timedelta(hours=1)), operation(ago=timedelta(days=9))
        waiting = operation(ago=timedelta(minutes=1), is_open=True)
        run(importlib.import_module("portal.ledger.migrations.0004_chain").BACKFILL)
    assert [(each.operation_id, each.kind) for each in entries()] == [
        (made.pk, "chained later") for made in (old, new, waiting)
    ]
    recording.close(waiting, Outcome.SUCCEEDED)
    assert chain_verify.verify().findings == []


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_write_one_chain_without_gaps() -> None:
    actor, each_writes = factories.user(), 5
    start = threading.Barrier(THREADS)
    target = recording.Target("environment", uuid.uuid4(), "quiet-otter")
    failed: list[BaseException] = []

    def write() -> None:
        try:
            start.wait()
            for _ in range(each_writes):
                made, _ = recording.begin("environment.stop", target, {"actor": actor})
                recording.sent(made)
                recording.close(made, Outcome.SUCCEEDED)
                connection.close()  # the pool has fewer
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = entries()
    assert [each.sequence for each in found] == list(range(1, 3 * THREADS * each_writes + 1))
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert verify_and_keep().holds
    assert Verification.objects.get().entries == len(found)
