"""Exports as a reader without the portal's code reads them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client

from portal.exports.formats import CODED


@dataclass(frozen=True)
class Read:
    """A file read back. Cells of CSV are texts; `is_whole` tells whether its end was there."""

    head: dict[str, Any]
    columns: list[str]
    rows: list[dict[str, Any]]
    is_whole: bool

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


def taken(client: Client, url: str, wanted: str) -> bytes:
    """The whole file at the address of an export, which may have a query, in this format."""
    answer = client.get(f"{url}{'&' if '?' in url else '?'}format={wanted}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def left(answer: Any) -> None:
    """As a server does with an answer that nobody reads on; the connection stays, with the test's transaction."""
    request_finished.disconnect(close_old_connections)
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)


def read(client: Client, url: str) -> Read:
    """The export of a list, read as JSON; it has to be whole."""
    return read_json(taken(client, url, "json"))


def read_json(raw: bytes) -> Read:
    """Raises ValueError for a file that was cut."""
    told = json.loads(raw)
    assert told["row_count"] == len(told["rows"])
    return Read(told["head"] | {"title": told["title"]}, told["columns"], told["rows"], told["complete"])


def read_csv(raw: bytes) -> Read:
    """What precedes the headings is the head, values with the same key as a list."""
    lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    start = next(number for number, line in enumerate(lines) if line[0] != "#")
    columns, body = lines[start], lines[start + 1 :]
    rows = [line for line in body if line[0] != "#"]
    is_whole = body[-1:] == [["#", "complete", "true"]] and body[-2] == ["#", "row_count", str(len(rows))]
    head: dict[str, list[str]] = {}
    for _, key, value in lines[:start]:
        head.setdefault(key, []).append(uncoded(value))
    told = [dict(zip(columns, map(uncoded, row), strict=True)) for row in rows]
    return Read(
        {key: values[0] if len(values) == 1 else values for key, values in head.items()}, columns, told, is_whole
    )


def uncoded(cell: str) -> str:
    """A text as it was before a spreadsheet was kept from calculating it."""
    return cell[1:] if cell.startswith("'") and CODED.match(cell) else cell
