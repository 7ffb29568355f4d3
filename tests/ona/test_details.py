"""What the details of Ona's errors say."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from gitpod.v1 import environment_pb2
from hypothesis import given
from hypothesis import strategies as st

from portal.ona.error_details import detail_name, detail_texts

KIND = "gitpod.v1.CreateEnvironmentPreconditionFailureDetails"
FIELD = "missingAuthenticationTokensForHosts"


def detail(hosts: list[str]) -> dict[str, Any]:
    packed = environment_pb2.CreateEnvironmentPreconditionFailureDetails(missing_authentication_tokens_for_hosts=hosts)
    # Connect leaves the padding out
    return {"type": KIND, "value": b64encode(packed.SerializeToString()).decode().rstrip("=")}


@given(st.lists(st.text(max_size=300), max_size=5))
def test_texts_are_read_from_the_bytes_as_the_vendor_packs_them(hosts: list[str]) -> None:
    assert detail_texts(detail(hosts), FIELD) == hosts


def test_texts_are_taken_from_the_readable_form_where_there_is_one() -> None:
    assert detail_texts(detail(["a.example"]) | {"debug": {FIELD: ["b.example", 7]}}, FIELD) == ["b.example"]


@pytest.mark.parametrize("value", ["CA", "Cv8", "////", "€", "CAE", "C", 7, None, "CgNhYmPwAQ"])
def test_what_cannot_be_read_says_nothing(value: Any) -> None:
    assert detail_texts({"type": KIND, "value": value}, FIELD) == []


@given(st.one_of(st.none(), st.text(), st.integers(), st.dictionaries(st.text(), st.text())))
def test_anything_may_stand_in_the_place_of_a_detail(found: Any) -> None:
    assert detail_texts(found, FIELD) == []
    assert isinstance(detail_name(found), str)


@pytest.mark.parametrize("kind", [KIND, f"type.googleapis.com/{KIND}"])
def test_a_detail_is_named_without_its_package(kind: str) -> None:
    assert detail_name({"type": kind}) == "CreateEnvironmentPreconditionFailureDetails"
