"""Rows and documents as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

FORMATS = ("table", "json", "csv")
WIDEST = 60  # characters of a cell in a table
# What a spreadsheet would calculate, as in the portal's own exports.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Mapping[str, Any]], form: str) -> Iterator[str]:
    """The text of `rows`, line by line; JSON is one object a line, so that any number of rows can be piped."""
    match form:
        case "json":
            yield from (json.dumps(row, ensure_ascii=False) for row in rows)
        case "csv":
            yield from _csv(rows)
        case _:
            yield from _table([{name: _cell(value) for name, value in row.items()} for row in rows])


def document(told: Mapping[str, Any], form: str) -> Iterator[str]:
    """One thing: its fields one a line, or as a row."""
    if form == "json":
        yield json.dumps(told, ensure_ascii=False, indent=2)
    elif form == "csv":
        yield from _csv([told])
    else:
        widest = max((len(name) for name in told), default=0)
        for name, value in told.items():
            yield f"{name:<{widest}}  {_plain(value)}".rstrip()


def _csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    heading: list[str] = []
    for row in rows:
        if not heading:
            heading = list(row)
            yield _csv_line(heading)
        yield _csv_line([_safe(_plain(row.get(name))) for name in heading])


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _safe(text: str) -> str:
    is_number = text.lstrip("-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(FORMULAS) and not is_number else text


def _table(rows: list[dict[str, str]]) -> Iterator[str]:
    if not rows:
        return
    names = list(rows[0])
    widths = {name: max(_width(name), *(_width(row[name]) for row in rows)) for name in names}
    for row in ({name: name for name in names}, *rows):
        yield "  ".join(row[name] + " " * (widths[name] - _width(row[name])) for name in names).rstrip()


def _cell(value: Any) -> str:
    text = _plain(value)
    return f"{text[: WIDEST - 1]}…" if len(text) > WIDEST else text


def _plain(value: Any) -> str:
    """Text that cannot command a terminal or break a line: control characters are shown as codes."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            text = str(value)
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    return f"\\x{ord(character):02x}" if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") else character


def _width(text: str) -> int:
    """How many columns a terminal needs."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)
