"""A list as a file: its columns, and all rows of its query in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.declaration import Cells, List, ListQuery, Table
from portal.lists.keyset import in_order
from portal.lists.query import as_of_of, read_query


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


def _streamed(table: Table, query: ListQuery) -> Iterator[Cells]:
    def rows() -> QuerySet[Any, Any]:
        return in_order(_every(table, query), query.place.order).values_list(*table.columns.values())

    for piece in read_within(lambda: streamed(rows()), query.as_of.reading):
        yield from map(table.row, piece)


def _every(table: Table, query: ListQuery) -> QuerySet[Any]:
    return table.every(query) if table.every else query.rows()
