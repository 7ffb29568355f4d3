"""Read the tables of a pack row by row, in little memory; `portal.exports.formats` writes them.

The input is untrusted: anything that the portal would not write raises ValueError.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec

from portal.exports.formats import ABOUT

T = TypeVar("T")
LONGEST = 1 << 24  # bytes per line: an operation includes the whole specification that it changed
_MOST_ABOUT = 100_000  # rows that a table says of itself: at its end, in packs of version 0.1.0 at its head
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Opening(msgspec.Struct):
    title: str
    head: dict[str, Any]
    columns: list[str]
    rows: list[int]


class _Closing(msgspec.Struct, forbid_unknown_fields=True):
    row_count: int
    complete: bool


def json_rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The rows as JSON; raises unless the table states that it is complete, with the right count."""
    lines = _lines(chunks)
    first = next(lines, b"")
    _read(first.rstrip(b"\n") + b"]}", _Opening, "its beginning")
    count = 0
    for line in lines:
        if line.startswith(b"],"):
            closing = _read(b"{" + line[2:], _Closing, "its end")
            if closing.row_count != count or not closing.complete or next(lines, b""):
                raise ValueError(f"it says that it has {closing.row_count:,} rows, and has {count:,}")
            return
        count += 1
        yield line.rstrip(b",\n")
    raise ValueError(f"it was cut off after {count:,} rows")


def json_cells(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows by column."""
    for number, row in enumerate(json_rows(chunks), start=1):
        try:
            yield _decode(row)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ValueError(f"row {number:,} is no row: {error}") from None


def csv_count(chunks: Iterable[bytes]) -> int:
    """Count the rows, by the same rules."""
    csv.field_size_limit(LONGEST)
    try:
        table = csv.reader(_texts(chunks), strict=True)
        first = next((row for row in islice(table, _MOST_ABOUT) if row[:1] != [ABOUT]), None)
        if first is None:
            raise ValueError("it has no headings")
        return _csv_body(table)
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _csv_body(table: Iterator[list[str]]) -> int:
    """Count the rows between the headings and what the table says of itself, which ends in two known rows."""
    count = 0
    for row in table:
        if row[:1] == [ABOUT]:
            end = [row, *islice(table, _MOST_ABOUT)]
            is_about = all(each[:1] == [ABOUT] for each in end) and next(table, None) is None
            if not is_about or end[-2:] != [[ABOUT, "row_count", str(count)], [ABOUT, "complete", "true"]]:
                raise ValueError(f"its end does not fit its {count:,} rows")
            return count
        count += 1
    raise ValueError(f"it was cut off after {count:,} rows")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their line ends."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).splitlines(keepends=True) or [b""]
        if rest.endswith(b"\n"):
            whole, rest = [*whole, rest], b""
        if len(rest) > LONGEST:
            raise ValueError(f"a line is longer than {LONGEST:,} bytes")
        yield from whole
    if rest:
        yield rest


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of text with their line ends."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    for line in _lines(chunks):
        yield decoder.decode(line)
    decoder.decode(b"", final=True)


def _read(raw: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ValueError(f"{what} is not that of a table") from None
