"""Whatever a superuser of the database does to the ledger is found, and named."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.ledger.chain import verify as chain_verify
from portal.ledger.chain.kept_verifications import verify, verify_and_keep
from portal.ledger.models import Entry, Operation, Outcome
from tests.ledger.chain.tampering import WAYS, WHOLE, Way, change, run, undone, unguarded
from tests.support.operations import operation
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db
# each example writes to Postgres, and takes it back
SETTINGS = settings(deadline=None, max_examples=examples(40), suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(TEXT, VALUES, max_size=3)
WRITES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["sent", "unknown", "closed", "after"]), DOCUMENTS),
    min_size=1,
    max_size=15,
)


def write(writes: list[tuple[int, str, dict[str, Any]]]) -> list[Entry]:
    """Steps of up to five operations in any order, by the statements that recording uses; the entries they made."""
    made: dict[int, Operation] = {}
    for which, step, document in writes:
        if which not in made:
            made[which] = operation(is_open=True, was_sent=False, before=document, reason=str(document))
        still_open = Operation.objects.filter(pk=made[which].pk, closed_at=None)
        match step:
            case "sent":
                still_open.filter(sent_at=None).update(sent_at=timezone.now())
            case "unknown":
                still_open.update(outcome=Outcome.UNKNOWN, code="unreachable")
            case "closed":
                still_open.update(outcome=Outcome.SUCCEEDED, closed_at=timezone.now(), after=document)
            case _:
                still_open.update(after=document)
    return list(Entry.objects.order_by("sequence"))


@SETTINGS
@given(WRITES)
def test_any_sequence_of_writes_holds(writes: list[tuple[int, str, dict[str, Any]]]) -> None:
    with undone():
        found = write(writes)
        report = verify([chain_verify.Head(each.hash, each.sequence) for each in found])
        assert report.findings == []
        assert report.entries == len(found)


@SETTINGS
@given(WRITES, st.sampled_from([*WAYS, *WHOLE]), st.integers(0))
def test_any_tampering_with_any_sequence_of_writes_is_found_and_named(
    writes: list[tuple[int, str, dict[str, Any]]], way: Way, place: int
) -> None:
    with undone():
        found = write([(0, "closed", {}), *writes])
        verify_and_keep()
        words = way(found, place % len(found))
        findings = verify().findings
        assert any(re.search(words, each, re.DOTALL) for each in findings), (words, findings)


@pytest.fixture
def written() -> list[Entry]:
    """Twelve entries of four operations: two one after the other, two side by side."""
    steps = [
        (0, "sent"),
        (0, "closed"),
        (1, "sent"),
        (1, "closed"),
        (2, "sent"),
        (3, "sent"),
        (2, "closed"),
        (3, "closed"),
    ]
    return write([(which, step, {"a": 1}) for which, step in steps])


@pytest.mark.parametrize("place", [0, 5, 11])
@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_without_a_head(way: Way, place: int, written: list[Entry]) -> None:
    words = way(written, place)
    findings = chain_verify.verify().findings
    assert any(re.search(words, each, re.DOTALL) for each in findings), (words, findings)


@pytest.mark.parametrize("place", [0, 5, 11])
@pytest.mark.parametrize("way", WHOLE)
def test_a_chain_that_was_written_anew_or_cut_short_lacks_the_head_of_before(
    way: Way, place: int, written: list[Entry]
) -> None:
    head = chain_verify.head()
    assert head is not None
    words = way(written, place)
    assert chain_verify.verify().findings == [], "by itself it is whole, which only a head kept elsewhere can tell"
    assert re.search(words, chain_verify.verify([head]).findings[0])
    assert "the head given" in chain_verify.verify([chain_verify.Head(head.hash)]).findings[0]


@pytest.mark.parametrize("way", WHOLE)
def test_an_earlier_verification_keeps_the_head(way: Way, written: list[Entry]) -> None:
    verify_and_keep()
    words = way(written, 5)
    (finding,) = verify().findings
    assert re.search(words, finding)
    assert "the verification of 2" in finding


@pytest.mark.parametrize("assignment", ["head_hash = repeat('a', 64)", "found = 7", "finished_at = now()", "seal = ''"])
def test_a_verification_that_was_changed_has_a_seal_that_does_not_hold(assignment: str, written: list[Entry]) -> None:
    verify_and_keep()
    with unguarded():
        run(f"UPDATE ledger_verification SET {assignment}")
    (finding,) = verify().findings
    assert "its seal does not hold" in finding


def test_a_new_secret_key_needs_the_old_one_beside_it(written: list[Entry], settings: Any) -> None:
    verify_and_keep()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-that-is-long-enough-for-everything"
    assert "another secret key" in verify().findings[0]
    settings.SECRET_KEY_FALLBACKS = [old]
    assert verify().holds


def test_a_chain_that_was_broken_when_it_was_verified_proves_no_head(written: list[Entry]) -> None:
    head = chain_verify.head()
    the_newest = written[-1]
    change(the_newest, "hash = repeat('a', 64)")
    assert not verify_and_keep().holds
    change(the_newest, "hash = %s", the_newest.hash)
    assert verify([head] if head else []).findings == []


def test_only_the_first_hundred_findings_are_told_and_all_are_counted(written: list[Entry]) -> None:
    for _ in range(60):
        write([(0, "closed", {})])
    with unguarded():
        Entry.objects.update(content="{}")
    report = chain_verify.verify()
    assert len(report.findings) == chain_verify.MOST_FINDINGS
    assert report.found > report.entries == 12 + 2 * 60


def test_taking_away_the_newest_without_their_operations_is_found_at_once(written: list[Entry]) -> None:
    with unguarded():
        Entry.objects.filter(sequence__gt=10).delete()
    assert len([each for each in chain_verify.verify().findings if "its closed_at was" in each]) == 2
