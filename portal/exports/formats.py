"""Tables as files, made piece by piece: CSV for spreadsheets, JSON for programs.

Cells: None is unknown or absent, empty in CSV and null in JSON, never zero. Times are ISO 8601 in UTC, durations are in
seconds. That a file is whole stands only at its end.

CSV (UTF-8 with BOM, CRLF): the headings, the rows, and then what the file says of itself, in rows whose first cell is
"#": "#", a key, a value. A value within another has a key with dots ("policy.strict"), each one of a list a row of its
own ("filters", or "gaps.1.from" where it has parts). The last are "#","row_count",N and "#","complete","true": a file
without them was cut. Files of version 0.1.0 have all but these two before the headings. Control characters are visible
signs, as on pages ("␛", "[U+202E]"). A text that a spreadsheet would take for a formula, and one that is "#", has an
apostrophe before it: whoever reads the file by program takes one off where `CODED` matches a cell that begins with one.

ZIP: NAME.csv with the headings and rows alone, and about.csv with what the file says of itself, in rows of a key and a
value. One that was cut does not open.

JSON: one object {"title", "head", "columns", "rows": [{column: value}], "row_count", "complete": true}; a file that was
cut is no JSON at all.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from string import ascii_letters, digits
from time import gmtime
from typing import Any, BinaryIO
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from portal.web.visible import visible

CHUNK = 1 << 16  # bytes, or characters of CSV, that are gathered before they are handed on
ABOUT = "#"
BOM = "\ufeff".encode()
# Spreadsheets also calculate after spaces and invisible signs, and take full-width signs for the usual ones. Texts that
# begin with apostrophes are matched too, so that taking one off gives back what was there.
CODED = re.compile("['\\s\\x00-\\x1f\\u200b-\\u200f\\u2060\\ufeff]*[=+@＝＋－＠\N{MINUS SIGN}-]|'*[\t\r\n]|'*#\\Z")
# the kinds of cells that the encoder of JSON writes as `plain` would
ENCODED = frozenset([str, int, float, bool, type(None), UUID])
HARMLESS = frozenset(["", *ascii_letters, *digits])  # what most texts begin with
_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


@dataclass(frozen=True)
class Export:
    """A table with what it says of itself. `name` begins the file's name; `columns` are names for machines; the values
    of `head` are texts, numbers, times, and lists and mappings of such."""

    name: str
    title: str
    head: Mapping[str, Any]
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


class Counted:
    """Rows that are counted as they are read."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def csv_chunks(export: Export) -> Iterator[bytes]:
    """The bytes of a CSV file, in pieces; what `rows` raises ends it without its last lines."""
    rows = Counted(export.rows)
    yield from _table(export.columns, rows)
    yield _lines((ABOUT, *pair) for pair in _about(export, rows.count))


def zip_chunks(export: Export) -> Iterator[bytes]:
    """The bytes of a ZIP file with the table, and with what it says of itself beside it."""
    sink, rows, now = _Sink(), Counted(export.rows), gmtime()[:6]
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # it only writes
        with archive.open(ZipInfo(f"{export.name}.csv", now), "w", force_zip64=True) as file:
            for piece in _table(export.columns, rows):
                file.write(piece)
                yield sink.taken()
        archive.writestr(ZipInfo("about.csv", now), BOM + _lines(_about(export, rows.count)))
    yield sink.taken()


class _Sink:
    """Where a ZIP file is written to, piece by piece: it cannot go back."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def write(self, piece: bytes) -> int:
        self._pieces += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        taken = bytes(self._pieces)
        self._pieces.clear()
        return taken


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Headings and rows as CSV."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(map(_cell, columns))
    bom = BOM
    convert_of = _CELLS.get
    for row in rows:
        # one look-up a cell: a fleet has millions of them
        writer.writerow([convert_of(type(value), _cell)(value) for value in row])
        if buffer.tell() >= CHUNK:
            yield bom + _taken(buffer)
            bom = b""
    yield bom + _taken(buffer)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    buffer = StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return _taken(buffer)


def json_chunks(export: Export) -> Iterator[bytes]:
    """The bytes of a JSON file, in pieces; what `rows` raises ends it in the middle."""
    buffer, count = bytearray(_opening(export)), 0
    for count, row in enumerate(export.rows, start=1):
        buffer += _json_row(export, row, count - 1)
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer + _ending(count))


def csv_chunks_with_json(export: Export, json: BinaryIO) -> Iterator[bytes]:
    """The bytes of a CSV file, in pieces, while the JSON file of the same rows, which are read once, is written."""

    def rows() -> Iterator[Sequence[Any]]:
        json.write(_opening(export))
        for count, row in enumerate(export.rows):
            json.write(_json_row(export, row, count))
            yield row

    counted = Counted(rows())
    yield from csv_chunks(replace(export, rows=counted))
    json.write(_ending(counted.count))


def _opening(export: Export) -> bytes:
    opening = {"title": export.title, "head": plain(export.head), "columns": list(export.columns)}
    return _encode(opening)[:-1] + b',"rows":['


def _json_row(export: Export, row: Sequence[Any], number: int) -> bytes:
    """A row after so many others. The encoder itself writes most kinds of cells as `plain` would."""
    cells = [
        cell if (kind := type(cell)) in ENCODED or (kind is datetime and cell.tzinfo is UTC) else plain(cell)
        for cell in row
    ]
    return (b",\n" if number else b"\n") + _encode(dict(zip(export.columns, cells, strict=True)))


def _ending(count: int) -> bytes:
    return b"\n]," + _encode({"row_count": count, "complete": True})[1:] + b"\n"


Format = tuple[str, Callable[[Export], Iterator[bytes]]]
FORMATS: Mapping[str, Format] = {
    "csv": ("text/csv; charset=utf-8", csv_chunks),
    "json": ("application/json", json_chunks),
}
DOWNLOADS: Mapping[str, Format] = {**FORMATS, "zip": ("application/zip", zip_chunks)}


def iso(moment: datetime) -> str:
    """A time in UTC, to the microsecond where it has any: "2026-10-31T23:59:00Z"."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:-6] + "Z"


def plain(value: Any) -> Any:
    """A value as JSON has it: times as texts, durations in seconds, ids as texts; whatever is within it, too."""
    convert = _PLAIN.get(type(value))
    return value if convert is None else convert(value)


def defused(text: str) -> str:
    """A text that no spreadsheet calculates."""
    return f"'{text}" if text[:1] not in HARMLESS and CODED.match(text) else text


def _seconds(span: timedelta) -> int | float:
    seconds = span.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): plain(each) for key, each in value.items()}


def _sequence(value: Iterable[Any]) -> list[Any]:
    return [plain(each) for each in value]


_PLAIN: Mapping[type, Callable[[Any], Any]] = {
    datetime: iso,
    timedelta: _seconds,
    UUID: str,
    Decimal: lambda number: int(number) if number == number.to_integral_value() else float(number),
    dict: _mapping,
    list: _sequence,
    tuple: _sequence,
}


def _same(value: Any) -> Any:
    return value


def _cell(value: Any) -> Any:
    """As the writer of CSV takes it; what has parts is one text in JSON."""
    convert = _CELLS.get(type(value))
    if convert is not None:
        return convert(value)
    value = plain(value)
    return _text(_encode(value).decode() if isinstance(value, dict | list) else str(value))


def _text(text: str) -> str:
    return defused(visible(text))


_CELLS: Mapping[type, Callable[[Any], Any]] = {
    type(None): _same,
    str: _text,
    int: _same,
    float: _same,
    bool: lambda value: "true" if value else "false",
    datetime: iso,
    UUID: str,
    timedelta: _seconds,
    Decimal: _PLAIN[Decimal],
}


def _about(export: Export, count: int) -> Iterator[tuple[str, Any]]:
    """What a file says of itself, as keys and values."""
    for key, value in {"title": export.title, **export.head, "row_count": count, "complete": True}.items():
        for name, part in _flat(key, value):
            yield name, _cell(part)


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(f"{key}.{name}", part)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value, start=1):
            yield from _flat(f"{key}.{number}" if isinstance(part, Mapping) else key, part)
    else:
        yield key, value


def _taken(buffer: StringIO) -> bytes:
    """What was written, which is then no longer exists."""
    taken = buffer.getvalue().encode(errors="replace")
    buffer.seek(0)
    buffer.truncate()
    return taken
