"""What a superuser of the database can do to the ledger, triggers or not: each way by its name.

Each takes the entries there are and a place among them, and gives the words that a finding about it has to have.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from portal.ledger.chain import verify as chain_verify
from portal.ledger.models import Entry, Operation
from tests.support.operations import operation

Way = Callable[[Sequence[Entry], int], str]


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is done meanwhile is taken back."""
    mark = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(mark)


@contextmanager
def unguarded() -> Iterator[None]:
    """No trigger fires, as a superuser may ask for."""
    run("SET LOCAL session_replication_role = replica")
    yield
    run("SET LOCAL session_replication_role = origin")


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def change(entry: Entry, assignment: str, *values: object) -> None:
    with unguarded():
        run(f"UPDATE ledger_entry SET {assignment} WHERE sequence = %s", *values, entry.sequence)


def change_operation(entry: Entry, assignment: str) -> str:
    with unguarded():
        run(f"UPDATE ledger_operation SET {assignment} WHERE id = %s", entry.operation_id)
    return str(entry.operation_id)


def forged(entry: Entry, **columns: object) -> None:
    """The entry with other columns, and the digest and the hash that go with them."""
    for name, value in columns.items():
        setattr(entry, name, value)
    entry.digest = chain_verify.digest(entry.content)
    at = f"{entry.at:%Y-%m-%dT%H:%M:%S.%f}Z"
    operation_id = str(entry.operation_id)
    entry.hash = chain_verify.link(entry.previous, entry.sequence, operation_id, entry.kind, at, entry.digest)
    with unguarded():
        entry.save()


def an_operation_says_another_reason(entries: Sequence[Entry], place: int) -> str:
    change_operation(entries[place], "reason = 'another'")
    return f'Operation {entries[place].operation_id} .*reason was .* it is "another"'


def an_operation_ended_another_way(entries: Sequence[Entry], place: int) -> str:
    return change_operation(entries[place], "message = message || '!'") + ".*message was"


def an_operation_was_asked_for_at_another_time(entries: Sequence[Entry], place: int) -> str:
    return change_operation(entries[place], "asked_at = asked_at - interval '1 microsecond'") + ".*asked_at was"


def an_operation_is_deleted(entries: Sequence[Entry], place: int) -> str:
    with unguarded():
        Operation.objects.filter(pk=entries[place].operation_id).delete()
    return f"Operation {entries[place].operation_id} .*is missing"


def an_operation_is_written_past_the_chain(entries: Sequence[Entry], place: int) -> str:
    with unguarded():
        made = operation(reason="quietly")
    return f"Operation {made.pk} .*is in no entry"


def an_operation_changes_its_id(entries: Sequence[Entry], place: int) -> str:
    return change_operation(entries[place], f"id = '{uuid.uuid4()}'") + ".*is missing"


def an_operation_is_changed_after_its_end(entries: Sequence[Entry], place: int) -> str:
    """With the refusing trigger off and the chaining one on."""
    run("ALTER TABLE ledger_operation DISABLE TRIGGER ledger_update")
    run("UPDATE ledger_operation SET reason = reason || '!' WHERE id = %s", entries[place].operation_id)
    run("ALTER TABLE ledger_operation ENABLE TRIGGER ledger_update")
    return f"Operation {entries[place].operation_id} .*changed what was to stay: reason"


def a_content_is_changed(entries: Sequence[Entry], place: int) -> str:
    change(entries[place], "content = content || ' '")
    return f"Entry {entries[place].sequence} .*has another content than was written"


def a_content_and_its_digest_are_changed(entries: Sequence[Entry], place: int) -> str:
    content = entries[place].content + " "
    change(entries[place], "content = %s, digest = %s", content, chain_verify.digest(content))
    return f"Entry {entries[place].sequence} .*was changed"


def an_entry_is_written_at_another_time(entries: Sequence[Entry], place: int) -> str:
    change(entries[place], "at = at + interval '1 microsecond'")
    return f"Entry {entries[place].sequence} .*was changed"


def an_entry_is_of_another_kind(entries: Sequence[Entry], place: int) -> str:
    change(entries[place], "kind = kind || '!'")
    return f"Entry {entries[place].sequence} .*was changed"


def an_entry_is_of_another_operation(entries: Sequence[Entry], place: int) -> str:
    change(entries[place], "operation_id = %s", uuid.uuid4())
    return f"Entry {entries[place].sequence} .*was changed"


def an_entry_is_forged_with_its_hash(entries: Sequence[Entry], place: int) -> str:
    entry = entries[place]
    forged(entry, content=json.dumps(json.loads(entry.content) | {"message": "forged"}))
    if place + 1 < len(entries):
        return (
            f"Entry {entry.sequence + 1} .*was written over another entry {entry.sequence} than the one that is there"
        )
    return f"Operation {entry.operation_id} .*message"


def an_entry_is_deleted(entries: Sequence[Entry], place: int) -> str:
    with unguarded():
        run("DELETE FROM ledger_entry WHERE sequence = %s", entries[place].sequence)
    if place + 1 < len(entries):
        return f"Entry {entries[place].sequence} is missing"
    return f"Operation {entries[place].operation_id} "


def entries_change_places(entries: Sequence[Entry], place: int) -> str:
    first, second = entries[place], entries[place - 1]
    change(first, "sequence = -1")
    change(second, f"sequence = {first.sequence}")
    with unguarded():
        run("UPDATE ledger_entry SET sequence = %s WHERE sequence = -1", second.sequence)
    return f"Entry {second.sequence} .*was changed"


def an_entry_is_added(entries: Sequence[Entry], place: int) -> str:
    """With every hash right, of an operation that never was."""
    last = entries[-1]
    forged(Entry(sequence=last.sequence + 1, previous=last.hash, operation_id=uuid.uuid4(), kind="begun", content="{}",
                 at=last.at))  # fmt: skip
    return "Operation .*is missing"


def the_beginning_is_cut_off(entries: Sequence[Entry], place: int) -> str:
    with unguarded():
        run("DELETE FROM ledger_entry WHERE sequence <= %s", entries[place].sequence)
    return f"the chain begins with {entries[place].sequence + 1}" if place + 1 < len(entries) else "is in no entry"


# These leave a chain that holds by itself: a head that was kept tells.


def the_newest_are_taken_away(entries: Sequence[Entry], place: int) -> str:
    """With their operations, so that what is left fits together."""
    begun = {entry.operation_id: entry.sequence for entry in reversed(entries)}
    touched = {entry.operation_id for entry in entries[place:]}
    first = min(begun[each] for each in touched)
    with unguarded():
        while more := {each.operation_id for each in entries if each.sequence >= first} - touched:
            touched |= more
            first = min(begun[each] for each in touched)
        run("DELETE FROM ledger_entry WHERE sequence >= %s", first)
        Operation.objects.filter(pk__in=touched).delete()
    return f"Entry {entries[-1].sequence} is missing, of which .* tells: the chain ends at entry {first - 1}"


def everything_is_written_anew(entries: Sequence[Entry], place: int) -> str:
    """Another reason in an operation and its first entry, and every hash after it."""
    about = entries[place].operation_id
    change_operation(entries[place], "reason = 'another'")
    previous = chain_verify.GENESIS
    for entry in entries:
        content = json.loads(entry.content)
        if entry.operation_id == about and "reason" in content:
            content["reason"] = "another"
        forged(entry, previous=previous, content=json.dumps(content, ensure_ascii=False))
        previous = entry.hash
    return f"Entry {entries[-1].sequence} has the hash"


WAYS: tuple[Way, ...] = (
    an_operation_says_another_reason, an_operation_ended_another_way, an_operation_was_asked_for_at_another_time,
    an_operation_is_deleted, an_operation_is_written_past_the_chain, an_operation_changes_its_id,
    an_operation_is_changed_after_its_end, a_content_is_changed, a_content_and_its_digest_are_changed,
    an_entry_is_written_at_another_time, an_entry_is_of_another_kind, an_entry_is_of_another_operation,
    an_entry_is_forged_with_its_hash, an_entry_is_deleted, entries_change_places, an_entry_is_added,
    the_beginning_is_cut_off,
)  # fmt: skip
WHOLE: tuple[Way, ...] = (the_newest_are_taken_away, everything_is_written_anew)
