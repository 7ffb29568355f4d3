"""Files that are no evidence at all: whatever they hold, a verification ends, and never in favour of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.evidence.read_tables import csv_count, json_rows
from environments.evidence.zip_file import BROKEN
from tests.support import evidence
from tests.support.evidence import FOREIGN, Files, rehashed, signed, told, unpacked, zipped
from tests.support.profiles import examples

OFFLINE = {"has_portal": False}


ENDS = (b"", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + b"\xff" * 18)
JSON = (
    b'"', b"{", b"[" * 2000, b"1e999", b"-1", b"99999999999999999999", b'"\\ud800"', b"null", b"\\u0000", b"\n", b"],",
    b"}", b"{}",
)  # fmt: skip
IN_WORDS = re.compile("[a-z]")
# the pack is made once for all examples of a test, none of which changes it
ONE_PACK = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def pack(db: None) -> bytes:
    evidence.organization()
    return evidence.packed()


@settings(max_examples=examples(300), deadline=None)
@given(
    content=st.binary(max_size=2000),
    ends=st.sampled_from(ENDS),
)
def test_any_bytes_are_refused(content, ends):
    assert told(content + ends, **OFFLINE).code == 1


@settings(max_examples=examples(200), deadline=None, suppress_health_check=ONE_PACK)
@given(data=st.data())
def test_a_pack_with_any_bytes_changed_does_not_hold(pack, data):
    """Unless what changed is nothing that a reader of the files gets to see, such as the time of an entry."""
    at = data.draw(st.integers(0, len(pack) - 1))
    other = data.draw(st.binary(min_size=1, max_size=8).filter(lambda each: pack[at : at + len(each)] != each))
    length = data.draw(st.sampled_from([len(other), 0, 3]))
    mutated = pack[:at] + other + pack[at + length :]
    if mutated != pack:
        report = told(mutated, **OFFLINE)
        assert report.code == 1 or contents(mutated) == contents(pack)


@settings(max_examples=examples(200), deadline=None, suppress_health_check=ONE_PACK)
@given(data=st.data())
def test_files_with_anything_in_them_do_not_hold_or_are_unknown(pack, data):
    """As their maker would: hashes and signature are right, by a key of his own."""
    files = unpacked(pack)
    name = data.draw(st.sampled_from([each for each in files if each.endswith((".json", ".csv"))]))
    content = files[name]
    at = data.draw(st.integers(0, len(content)))
    other = data.draw(st.one_of(st.binary(max_size=20), st.text(max_size=20).map(str.encode), st.sampled_from(JSON)))
    cut = data.draw(st.integers(0, 40))
    files[name] = content[:at] + other + content[at + cut :]
    if not name.startswith("manifest"):
        files = signed(rehashed(files), FOREIGN)
    assert told(zipped(files), **OFFLINE).code in (1, 2) or files[name] == content


@settings(max_examples=examples(300), deadline=None)
@given(content=st.one_of(st.binary(max_size=500), st.text(max_size=500).map(str.encode)), size=st.integers(1, 50))
def test_reading_a_table_ends_in_words(content, size):
    for read in (lambda chunks: list(json_rows(chunks)), csv_count):
        chunks = [content[at : at + size] for at in range(0, len(content), size)]
        with pytest.raises(ValueError, match=IN_WORDS):
            read(chunks)


def contents(pack: bytes) -> Files | None:
    try:
        return unpacked(pack)
    except (*BROKEN, UnicodeError):
        return None
