"""Failure messages told apart by what went wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.list.failure_messages import LONGEST, fingerprint, normalize

ALIKE = [
    (
        "machine did not become ready within 10m0s",
        "machine did not become ready within 15m30s",
        "machine did not become ready within …",
    ),
    (
        "cannot pull ghcr.io/acme/app@sha256:0123456789abcdef: denied",
        "cannot pull ghcr.io/acme/app@sha256:ffff0000aaaa1111: denied",
        "cannot pull ghcr.io/acme/app@…: denied",
    ),
    (
        "environment 018f3c5a-0000-4000-8000-000000000001 vanished at 2026-11-21T10:00:00Z",
        "environment 018f3c5a-ffff-4000-8000-00000000beef vanished at 2026-11-22 11:30:59.123+01:00",
        "environment … vanished at …",
    ),
    ("open /workspaces/web-shop/.devcontainer: no such file", "open /tmp/x/y: no such file", "open …: no such file"),
    (
        "commit 3c8bdf4 not found\nin 12 refs",
        "commit e7b8cad1 not found\n in  7 refs",
        "commit … not found · in … refs",
    ),
    ("GET https://a.example/x?y=1: timeout", "GET http://b.example:8080/z: timeout", "GET … timeout"),
]


@pytest.mark.parametrize(("one", "other", "expected"), ALIKE)
def test_messages_that_differ_in_ids_times_numbers_and_paths_are_alike(one: str, other: str, expected: str) -> None:
    assert normalize(one) == normalize(other) == expected


def test_messages_about_different_things_stay_apart() -> None:
    assert normalize("image not found") != normalize("image not allowed")
    assert fingerprint("image not found") != fingerprint("image not allowed")


def test_words_that_only_look_like_hashes_are_kept() -> None:
    assert normalize("the facade was defaced") == "the facade was defaced"


@given(st.text(max_size=500))
def test_a_normalised_message_stays_as_it_is(message: str) -> None:
    once = normalize(message)
    assert normalize(once) == once
    assert len(once) <= LONGEST
    assert "\n" not in once


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.uuids(), st.uuids())
def test_numbers_and_ids_never_make_a_difference(one: int, other: int, an_id: object, another: object) -> None:
    assert normalize(f"attempt {one} of {an_id} failed") == normalize(f"attempt {other} of {another} failed")


def test_what_a_component_says_again_counts_once() -> None:
    assert normalize("cannot start: no room\nmachine: cannot start: no room") == "cannot start: no room"
