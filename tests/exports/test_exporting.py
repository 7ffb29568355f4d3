"""Tables as files: what is written is read back, and no spreadsheet calculates it."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zipfile import BadZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.exports.formats import Export, csv_chunks, defused, json_chunks, plain, zip_chunks
from portal.web.visible import visible
from tests.support.exports import read_csv, read_json, read_zip, uncoded

FORMULAS = "=+-@＝＋－＠−"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))) | st.text(
    FORMULAS + "' \t\r\n#,;\"x"
)
VALUES = (
    st.none()
    | TEXTS
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas(timedelta(0), timedelta(days=400))
)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width)))


def export(rows: Any, columns: Sequence[str] = ("id", "name"), **head: Any) -> Export:
    return Export("things", "Things", head, columns, rows)


def as_cell(value: Any) -> str:
    """What the file's documentation says of a cell."""
    value = plain(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else visible(str(value))


def lines_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(TABLES)
def test_csv_is_read_back_as_it_was(rows: list[list[Any]]) -> None:
    columns = [f"column_{number}" for number in range(len(rows[0]) if rows else 1)]
    file = read_csv(b"".join(csv_chunks(export(rows, columns))))
    assert file.is_whole
    assert file.columns == columns
    assert [list(row.values()) for row in file.rows] == [[as_cell(value) for value in row] for row in rows]


@given(TABLES)
def test_json_is_read_back_as_it_was(rows: list[list[Any]]) -> None:
    columns = [f"column_{number}" for number in range(len(rows[0]) if rows else 1)]
    file = read_json(b"".join(json_chunks(export(rows, columns))))
    assert file.is_whole
    assert [list(row.values()) for row in file.rows] == [list(map(plain, row)) for row in rows]


@given(TEXTS)
def test_no_text_begins_as_a_formula_whatever_stands_before_it(text: str) -> None:
    written = defused(text)
    seen = written.lstrip().lstrip("\u200b\u2060\ufeff").lstrip()
    assert not seen.startswith(tuple(FORMULAS))
    assert not written.startswith(("\t", "\r", "\n"))
    assert uncoded(written) == text


@pytest.mark.parametrize(
    "text",
    ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\ufeff=1", "＝1", "－1"],
)
def test_formulas_have_an_apostrophe_before_them(text: str) -> None:
    lines = lines_of(b"".join(csv_chunks(export([(text, 1)]))).decode())
    assert lines[1] == [f"'{text}", "1"]


def test_numbers_of_our_own_stay_numbers() -> None:
    raw = b"".join(csv_chunks(export([(-5, -0.25), (Decimal(-7), timedelta(minutes=-1))])))
    assert b"\r\n-5,-0.25\r\n-7,-60\r\n" in raw


def test_what_is_unknown_is_empty_and_never_zero() -> None:
    rows = [(None, 0)]
    assert b"\r\n,0\r\n" in b"".join(csv_chunks(export(rows)))
    assert read_json(b"".join(json_chunks(export(rows)))).rows == [{"id": None, "name": 0}]


def test_times_are_in_utc_and_durations_in_seconds() -> None:
    moment = datetime(2026, 10, 31, 23, 59, tzinfo=timezone(timedelta(hours=2)))
    expected = {"id": "2026-10-31T21:59:00Z", "name": 90}
    rows = [(moment, timedelta(seconds=90))]
    assert read_json(b"".join(json_chunks(export(rows)))).rows == [expected]
    assert read_csv(b"".join(csv_chunks(export(rows)))).rows == [expected | {"name": "90"}]


def test_a_spreadsheet_takes_csv_for_utf_8_with_its_own_line_ends() -> None:
    raw = b"".join(csv_chunks(export([("a", "Bo Óskarsson")])))
    assert raw.startswith("\ufeffid,name\r\n".encode()), "the headings are line one"
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_the_head_is_read_back_from_both() -> None:
    gaps = [{"from": datetime(2026, 1, 1, tzinfo=UTC), "until": "now"}, {"from": "then", "until": None}]
    policy = {"strict": True, "seen": None}
    head = {"query": "q==1", "filters": ["=phase", "#"], "policy": policy, "gaps": gaps, "none": []}
    told = read_csv(b"".join(csv_chunks(export([], **head)))).head
    assert told["filters"] == ["=phase", "#"]
    assert (told["policy.strict"], told["policy.seen"]) == ("true", "")
    assert (told["gaps.1.from"], told["gaps.2.until"]) == ("2026-01-01T00:00:00Z", "")
    assert told["query"] == "q==1"
    beside = read_zip(b"".join(zip_chunks(export([("a", 1)] * 3, **head))))
    assert beside.head == told | {"row_count": "3"}
    assert (beside.is_whole, beside.columns, len(beside.rows)) == (True, ["id", "name"], 3)
    as_json = read_json(b"".join(json_chunks(export([], **head)))).head
    assert as_json["gaps"][0] == {"from": "2026-01-01T00:00:00Z", "until": "now"}
    assert as_json["none"] == []


def test_a_row_cannot_pass_for_the_end_of_the_file() -> None:
    rows = [("#", "complete", "true")]
    file = read_csv(b"".join(csv_chunks(export(rows, ("a", "b", "c")))))
    assert file.rows == [{"a": "#", "b": "complete", "c": "true"}]


def breaking(rows: int) -> Iterator[Sequence[Any]]:
    for _ in range(rows):
        yield uuid.uuid4(), "x" * 100
    raise ConnectionError


@pytest.mark.parametrize("rows", [0, 5, 5_000])
def test_a_file_that_was_cut_is_seen_to_be(rows: int) -> None:
    for chunks in (csv_chunks, json_chunks, zip_chunks):
        pieces = []
        with pytest.raises(ConnectionError):
            pieces.extend(chunks(export(breaking(rows))))
        raw = b"".join(pieces)
        if chunks is json_chunks:
            with pytest.raises(ValueError):
                json.loads(raw)
        elif chunks is zip_chunks:
            with pytest.raises(BadZipFile):
                read_zip(raw)
        elif raw:
            assert not read_csv(raw).is_whole


@given(st.integers(0, 4_000))
def test_a_file_cut_anywhere_is_seen_to_be(place: int) -> None:
    whole = [b"".join(chunks(export([(1, "a")] * 40, note="b"))) for chunks in (csv_chunks, json_chunks)]
    with pytest.raises(ValueError):
        json.loads(whole[1][: min(place, len(whole[1]) - 2)])
    cut = whole[0][: min(place, len(whole[0]) - 3)].decode("utf-8-sig", errors="ignore")
    assert lines_of(cut)[-1:] != [["#", "complete", "true"]]


def test_pieces_are_small_however_many_rows_there_are() -> None:
    for chunks, least in ((csv_chunks, 30), (json_chunks, 30), (zip_chunks, 3)):
        sizes = [len(piece) for piece in chunks(export((number, "x" * 200) for number in range(20_000)))]
        assert len(sizes) > least
        assert max(sizes) < 70_000
