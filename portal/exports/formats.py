"""Tables as files, made piece by piece: CSV for spreadsheets, JSON for programs.

Cells: None is unknown or absent, empty in CSV and null in JSON, never zero. Times are ISO 8601 in UTC, durations are in
seconds. What a file says of itself stands at its head; that it is whole, only at its end.

CSV (UTF-8 with BOM, CRLF): rows whose first cell is "#" are about the file: "#", a key, a value. A value within another
has a key with dots ("policy.strict"), each one of a list a row of its own ("filters", or "gaps.1.from" where it has
parts). Then come the headings, then the rows, then "#","row_count",N and "#","complete","true". A file without that
last row was cut. Control characters are visible signs, as on pages ("␛", "[U+202E]"). A text that a spreadsheet would
take for a formula, and one that is "#", has an apostrophe before it: whoever reads the file by program takes one off
where `CODED` matches a cell that begins with one.

JSON: one object {"title", "head", "columns", "rows": [{column: value}], "row_count", "complete": true}; a file that was
cut is no JSON at all.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from string import ascii_letters, digits
from typing import Any
from uuid import UUID

import msgspec

from portal.web.visible import visible

CHUNK = 1 << 16  # bytes, or characters of CSV, that are gathered before they are handed on
ABOUT = "#"
BOM = "\ufeff".encode()
# Spreadsheets also calculate after spaces and invisible signs, and take full-width signs for the usual ones. Texts that
# begin with apostrophes are matched too, so that taking one off gives back what was there.
CODED = re.compile("['\\s\\x00-\\x1f\\u200b-\\u200f\\u2060\\ufeff]*[=+@＝＋－＠\N{MINUS SIGN}-]|'*[\t\r\n]|'*#\\Z")
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


def csv_chunks(export: Export) -> Iterator[bytes]:
    """The bytes of a CSV file, in pieces; what `rows` raises ends it without its last line."""
    buffer, count = StringIO(newline=""), 0
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerows(_about({"title": export.title, **export.head}))
    writer.writerow(map(_cell, export.columns))
    bom = BOM
    convert_of = _CELLS.get
    for row in export.rows:
        # one look-up a cell: a fleet has millions of them
        writer.writerow([convert_of(type(value), _cell)(value) for value in row])
        count += 1
        if buffer.tell() >= CHUNK:
            yield bom + _taken(buffer)
            bom = b""
    writer.writerows(_about({"row_count": count, "complete": True}))
    yield bom + _taken(buffer)


def json_chunks(export: Export) -> Iterator[bytes]:
    """The bytes of a JSON file, in pieces; what `rows` raises ends it in the middle."""
    columns, count = list(export.columns), 0
    opening = {"title": export.title, "head": plain(export.head), "columns": columns}
    buffer = bytearray(_encode(opening)[:-1] + b',"rows":[')
    for row in export.rows:
        buffer += b",\n" if count else b"\n"
        buffer += _encode(dict(zip(columns, map(plain, row), strict=True)))
        count += 1
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer + b"\n]," + _encode({"row_count": count, "complete": True})[1:] + b"\n")


FORMATS: Mapping[str, tuple[str, Callable[[Export], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_chunks),
    "json": ("application/json", json_chunks),
}


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


def _about(said: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Rows about the file itself."""
    for key, value in said.items():
        for name, part in _flat(key, value):
            yield ABOUT, name, _cell(part)


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
    """What was written, which is then no longer there."""
    taken = buffer.getvalue().encode(errors="replace")
    buffer.seek(0)
    buffer.truncate()
    return taken
