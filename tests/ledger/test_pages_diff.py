"""Before and after, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.diff import Kind, compare, moved, still
from portal.ledger.recording import NOT_KEPT


def told(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """path → (kind, before, after), absent sides as a dash."""
    return {
        change.path: (
            change.kind,
            "-" if change.before.is_absent else change.before.raw,
            "-" if change.after.is_absent else change.after.raw,
        )
        for change in compare(before, after)
    }


def test_nested_values_become_dotted_paths() -> None:
    assert told({"timeout": {"disconnected": "1800s"}, "a": {"b": {"c": 1}}}, {"timeout": {"disconnected": "0s"}}) == {
        "timeout.disconnected": ("changed", "1800s", "0s"),
        "a.b.c": ("left alone", "1", "1"),
    }


def test_ports_are_matched_by_their_number_whatever_their_order() -> None:
    web = {"port": 8080, "name": "web", "admission": "ADMISSION_LEVEL_OWNER_ONLY"}
    api, db = {"port": 3000, "name": "api"}, {"port": 5432, "name": "db"}
    opened = web | {"admission": "ADMISSION_LEVEL_EVERYONE"}
    found = told({"ports": [web, api]}, {"ports": [db, opened]})
    assert found["ports[8080].admission"] == ("changed", web["admission"], opened["admission"])
    assert found["ports[8080].name"] == ("unchanged", "web", "web")
    assert found["ports[3000].name"] == ("removed", "api", "-")
    assert found["ports[5432].name"] == ("added", "-", "db")


def test_keys_are_matched_by_id_and_plain_lists_by_their_values() -> None:
    before = {"sshPublicKeys": [{"id": "k1", "value": "ssh-ed25519 A"}], "denylist": ["curl", "wget"]}
    after = {"sshPublicKeys": [{"id": "k1", "value": "ssh-ed25519 B"}], "denylist": ["wget", "nc"]}
    assert told(before, after) == {
        "sshPublicKeys[k1].id": ("unchanged", "k1", "k1"),
        "sshPublicKeys[k1].value": ("changed", "ssh-ed25519 A", "ssh-ed25519 B"),
        "denylist[curl]": ("removed", "curl", "-"),
        "denylist[wget]": ("unchanged", "wget", "wget"),
        "denylist[nc]": ("added", "-", "nc"),
    }


def test_a_list_in_another_order_has_changed() -> None:
    assert told({"l": ["a", "b"]}, {"l": ["b", "a"]}) == {"l[0]": ("changed", "a", "b"), "l[1]": ("changed", "b", "a")}
    assert told({"l": ["a", "a"]}, {"l": ["a"]}) == {"l[0]": ("unchanged", "a", "a"), "l[1]": ("removed", "a", "-")}


def test_objects_that_nothing_tells_apart_are_matched_by_place() -> None:
    assert told({"l": [{"x": 1}, {"x": 1}]}, {"l": [{"x": 2}, {"x": 1}]}) == {
        "l[0].x": ("changed", "1", "2"),
        "l[1].x": ("unchanged", "1", "1"),
    }


def test_null_empty_and_absent_are_told_apart() -> None:
    assert told({"a": None, "b": "", "c": []}, {"a": "x", "b": None, "c": [1], "d": {}}) == {
        "a": ("changed", "null", "x"),
        "b": ("changed", "empty", "null"),
        "c[1]": ("added", "-", "1"),
        "d": ("added", "-", "empty"),
    }


def test_nothing_on_both_sides_is_no_field() -> None:
    assert compare({}, {}) == []


def test_true_is_not_one() -> None:
    assert told({"a": True, "b": 0}, {"a": 1, "b": False}) == {
        "a": ("changed", "true", "1"),
        "b": ("changed", "0", "false"),
    }


def test_an_object_in_place_of_a_value_is_one_gone_and_one_come() -> None:
    assert told({"mount": "file"}, {"mount": {"path": "/x"}}) == {
        "mount": ("removed", "file", "-"),
        "mount.path": ("added", "-", "/x"),
    }


def test_a_creation_adds_everything_and_a_deletion_removes_everything() -> None:
    assert {kind for kind, _, _ in told({}, {"a": 1, "b": {"c": 2}}).values()} == {"added"}
    assert {kind for kind, _, _ in told({"a": 1, "b": {"c": 2}}, {}).values()} == {"removed"}


def test_what_was_noted_but_not_asked_to_change_is_not_removed() -> None:
    found = told({"phase": "ENVIRONMENT_PHASE_RUNNING", "desiredPhase": "x"}, {"desiredPhase": "y"})
    assert found["phase"][0] == "left alone"
    assert found["desiredPhase"][0] == "changed"


def test_values_that_were_not_kept_count_as_changed() -> None:
    assert told({"value": NOT_KEPT}, {"value": NOT_KEPT}) == {"value": ("changed", "not kept", "not kept")}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("1800s", "30 min"),
        ("0s", "0 s"),
        ("1.500s", "1 s"),
        ("2020-01-05T10:00:00Z", "2020-01-05 10:00 UTC, "),
        ("2020-01-05T10:00:00.123456789Z", "2020-01-05 10:00 UTC, "),
        ("2020-13-45T10:00:00Z", ""),
        ("999999999999s", "over 100 years"),
        ("ADMISSION_LEVEL_OWNER_ONLY", "owner only"),
        ("ENVIRONMENT_PHASE_STOPPED", "stopped"),
        ("A_NEWER_VALUE", ""),
        ("main", ""),
        ("10s of files", ""),
    ],
)
def test_times_durations_and_enums_have_words_beside_them(raw: str, words: str) -> None:
    (change,) = compare({}, {"a": raw})
    assert change.after.raw == raw
    assert change.after.words.startswith(words)
    assert bool(change.after.words) == bool(words)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "ports", "l"]), JSON, max_size=3)


@given(DOCUMENTS, DOCUMENTS)
def test_whatever_the_values_each_is_told(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = compare(before, after)
    assert sorted(map(id, [*moved(changes), *still(changes)])) == sorted(map(id, changes))
    asked = {name: value for name, value in before.items() if not after or name in after}
    assert bool(moved(changes)) == (json.dumps(asked, sort_keys=True) != json.dumps(after, sort_keys=True))


@given(DOCUMENTS)
def test_equal_documents_have_nothing_changed(document: dict[str, Any]) -> None:
    assert {change.kind for change in compare(document, document)} <= {Kind.UNCHANGED}


def test_documents_nested_deeper_than_anybody_writes_are_told_as_text() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"x": deep}
    (change,) = compare({}, deep)
    assert change.path.count("x") == 12
    assert change.after.raw.startswith("{")
