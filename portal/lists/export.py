"""A list as a file: its columns, and all rows of its query in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpResponseBase, QueryDict

from portal.exports.download import Asking, head
from portal.exports.formats import DOWNLOADS, Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.declaration import Cells, List, ListQuery, Table
from portal.lists.keyset import Page, in_order
from portal.lists.query import as_of_of, read_query


@dataclass(frozen=True, slots=True)
class LargeExport:
    """A list as a file of more rows than are sent while their reader waits: its query, its arguments, and the address
    and the query string that it was requested with."""

    query: ListQuery
    format: str
    address: str
    text: str


# What the room of background jobs answers to a request (Django's, or the REST API's) for one; it adds itself when
# Django starts.
IN_BACKGROUND: list[Callable[[Any, LargeExport], HttpResponseBase]] = []


def large_export(query: ListQuery, wanted: str, asking: Asking) -> LargeExport | None:
    """The export, if it has more rows than PORTAL_DIRECT_ROWS; one query, within `as_of.reading()`."""
    if (
        query.problems
        or wanted not in DOWNLOADS
        or count_up_to(query, settings.DIRECT_ROWS + 1) <= settings.DIRECT_ROWS
    ):
        return None
    return LargeExport(query, wanted, asking.address, asking.query)


def count_up_to(query: ListQuery, most: int) -> int:
    """How many rows its file has; those above `most` need not be counted."""
    table = table_of(query)
    return table.count(query) if table.count else _every(table, query).order_by().values("pk")[:most].count()


def export_of(listing: List, data: QueryDict, of: Mapping[str, Any], asking: Asking) -> Export:
    """The export that `data` requests. Reads the query again inside the snapshot, so that it matches the rows."""
    as_of = as_of_of(listing, data)
    with as_of.reading():
        query = read_query(listing, data, as_of, of)
        table = table_of(query)
        count = table.count(query) if table.count else _every(table, query).order_by().count()
        said = head(
            asking, filters=query.chips(), order=query.place.order.words, count=count, moment=as_of.at,
            period=table.period(query),
        )  # fmt: skip
        said.update(table.about(query))
    return Export(table.name, table.title, said, [*table.columns, *table.more], rows_of(query))


def table_of(query: ListQuery) -> Table:
    """The list as a file; raises LookupError for one that has none."""
    if query.listing.table is None:
        raise LookupError(f"{query.listing.name} has no table")
    return query.listing.table


def rows_of(query: ListQuery) -> Iterator[Cells]:
    """All rows of a list in its order; requires a transaction."""
    table = table_of(query)
    return table.rows(query) if table.rows else _streamed(table, query)


def cells_of_page(query: ListQuery) -> Page[Cells]:
    """The rows of one page as a file has them."""
    table = table_of(query)
    if table.cells:
        shown = query.page()
        return Page(list(table.cells(shown.rows, query)), shown.next, shown.previous)
    keys = query.page_of_keys()
    found = _cells(table, query, keys.rows)
    return Page([found[pk] for pk in keys.rows if pk in found], keys.next, keys.previous)


def cells_of_row(query: ListQuery, row: Model) -> Cells:
    """One row as a file has it."""
    table = table_of(query)
    return next(iter(table.cells([row], query) if table.cells else _cells(table, query, [row.pk]).values()))


def _cells(table: Table, query: ListQuery, keys: Sequence[Any]) -> dict[Any, Cells]:
    rows = _every(table, query).order_by().filter(pk__in=keys).values_list("pk", *table.columns.values())
    return {pk: table.row(values) for pk, *values in rows}


def _streamed(table: Table, query: ListQuery) -> Iterator[Cells]:
    def rows() -> QuerySet[Any, Any]:
        return in_order(_every(table, query), query.place.order).values_list(*table.columns.values())

    for piece in read_within(lambda: streamed(rows()), query.as_of.reading):
        yield from map(table.row, piece)


def _every(table: Table, query: ListQuery) -> QuerySet[Any]:
    return table.every(query) if table.every else query.rows()
