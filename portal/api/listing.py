"""The endpoints of a list, made from its declaration: its rows, and one of them by its id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, QueryDict
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import parameters, schema
from portal.api.endpoint import Endpoint, endpoint
from portal.exports.formats import plain
from portal.lists.declaration import Cells, List, Table
from portal.lists.export import cells_of_page, cells_of_row
from portal.lists.query import as_of_of, read_query

CONVERTERS = {"UUIDField": "uuid", "BigAutoField": "int", "BigIntegerField": "int"}


def address_of(listing: List) -> str:
    """Its address below `/api/v1/`."""
    return f"{listing.api or listing.name}/"


def urls_of(listing: List) -> list[URLPattern]:
    """The addresses of a list below `/api/v1/`."""
    name, here = url_name(listing), address_of(listing)
    found = [path(here, rows_of(listing), name=name)]
    if listing.detail:
        kind = CONVERTERS[type(listing.model._meta.pk).__name__]
        found.append(path(f"{here}<{kind}:pk>/", row_of(listing), name=f"{name}-one"))
    return found


def url_name(listing: List) -> str:
    """The name of its URL: that of its page, without a namespace."""
    return listing.page_url.replace(":", "-")


def rows_of(listing: List) -> Endpoint:
    """One page of the rows that the parameters ask for."""

    def read_rows(request: Request, **of: Any) -> Response:
        as_of = as_of_of(listing, request.query_params)
        with as_of.reading():
            asked = parameters.read(listing.as_seen_by(request.user), request.query_params, as_of, of)
            page = cells_of_page(asked.query)
            total = asked.query.total(page) if asked.is_counted else None
        following = _following(request, page.next)
        body: dict[str, Any] = {
            "results": [_named(asked.table, cells, asked.fields) for cells in page.rows],
            "next": following,
        }
        if total:
            body |= {"count": total.count, "count_is_exact": not total.is_more}
        if listing.has_past:
            body["as_of"] = as_of.at
        return Response(body, headers={"Link": f'<{following}>; rel="next"'} if following else None)

    view = endpoint("GET", *listing.permissions, **schema.of_rows(listing))(read_rows)
    view.api_of = listing  # type: ignore[attr-defined]
    return view


def row_of(listing: List) -> Endpoint:
    """One row by its id, in the list or not, with its details."""

    def read_row(request: Request, pk: Any, **of: Any) -> Response:
        parameters.refuse_all(request.query_params)
        found = listing.seen_by(listing.model._default_manager.filter(pk=pk, **of), request.user).first()
        if found is None:
            raise Http404(f"The portal has no record of this {listing.one}.")
        return Response(
            one(listing, found), headers={"ETag": f'"{listing.version(found)}"'} if listing.version else None
        )

    view = endpoint("GET", *listing.permissions, **schema.of_row(listing))(read_row)
    view.api_of = listing  # type: ignore[attr-defined]
    return view


def one(listing: List, row: Any) -> dict[str, Any]:
    """A row of a list with `detail`, as its own address tells it."""
    listing = parameters.without_base(listing)
    query = read_query(listing, QueryDict())
    table = query.listing.table
    if table is None or listing.detail is None:
        raise LookupError(f"rows of {listing.name} have no address")
    return _named(table, cells_of_row(query, row), ()) | dict(listing.detail(row))


def _named(table: Table, cells: Cells, fields: tuple[str, ...]) -> dict[str, Any]:
    seconds = [plain(cell) if type(cell) is timedelta else cell for cell in cells]
    row = dict(zip([*table.columns, *table.more], seconds, strict=True))
    return {name: row[name] for name in fields} if fields else row


def _following(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    pairs = [(name, value) for name, values in request.query_params.lists() for value in values if name != "cursor"]
    return request.build_absolute_uri(f"{request.path}?{urlencode([*pairs, ('cursor', cursor)])}")
