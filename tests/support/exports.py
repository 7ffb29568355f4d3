"""Exports as a reader without the portal's code reads them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile

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
    """What follows the rows is the head, values with the same key as a list."""
    columns, *body = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    rows = [line for line in body if line[0] != "#"]
    is_whole = body[-2:] == [["#", "row_count", str(len(rows))], ["#", "complete", "true"]]
    told = [dict(zip(columns, map(uncoded, row), strict=True)) for row in rows]
    return Read(_head([line[1:] for line in body[len(rows) :]]), columns, told, is_whole)


def read_zip(raw: bytes) -> Read:
    """A table and what it says of itself, as two files."""
    with ZipFile(io.BytesIO(raw)) as archive:
        about, table = sorted(archive.namelist(), key=lambda name: name != "about.csv")
        columns, *rows = csv.reader(io.StringIO(archive.read(table).decode("utf-8-sig"), newline=""))
        head = _head(list(csv.reader(io.StringIO(archive.read(about).decode("utf-8-sig"), newline=""))))
    told = [dict(zip(columns, map(uncoded, row), strict=True)) for row in rows]
    return Read(head, columns, told, (head["row_count"], head["complete"]) == (str(len(rows)), "true"))


def _head(lines: list[list[str]]) -> dict[str, Any]:
    head: dict[str, list[str]] = {}
    for key, value in lines:
        head.setdefault(key, []).append(uncoded(value))
    return {key: values[0] if len(values) == 1 else values for key, values in head.items()}


def uncoded(cell: str) -> str:
    """A text as it was before a spreadsheet was kept from calculating it."""
    return cell[1:] if cell.startswith("'") and CODED.match(cell) else cell
