"""What is downloaded over the REST API: lists as files, and the answers of pages that stream."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from portal.api import parameters, schema
from portal.api.endpoint import Endpoint, endpoint
from portal.api.errors import InvalidParameters
from portal.api.listing import address_of, url_name
from portal.exports.download import PERMISSION, Asking, respond
from portal.exports.formats import FORMATS
from portal.lists.declaration import List
from portal.lists.export import IN_BACKGROUND, export_of, large_export
from portal.lists.query import as_of_of
from portal.web.problems import problem

OF_PAGES = ("cursor", "page_size", "fields", "count")
FORMAT = OpenApiParameter("format", str, required=True, enum=list(FORMATS), description="Of the file.")
IN_JOB = "More rows than PORTAL_DIRECT_ROWS: a background job makes the file; its address is in Location."
KINDS = {404: "not-found", 502: "ona-unavailable", 503: "unavailable"}


def urls_of_files(listing: List) -> list[URLPattern]:
    """The address of a list as a file, if it has one."""
    here = f"{address_of(listing)}export/"
    return [path(here, file_of(listing), name=f"{url_name(listing)}-export")] if listing.export_url else []


def file_of(listing: List) -> Endpoint:
    """All rows that the parameters ask for, as the page's file has them."""

    def read_file(request: Request, **of: Any) -> HttpResponseBase:
        data = request.query_params.copy()
        wanted = data.pop("format", [""])[-1]
        found = [(name, "a file has all rows and all fields") for name in OF_PAGES if name in data]
        if wanted not in FORMATS:
            found.append(("format", f"takes {' or '.join(FORMATS)}"))
        if found:
            raise InvalidParameters(found)
        as_of = as_of_of(listing, data)
        with as_of.reading():
            asked = parameters.read(listing, data, as_of, of)
            asking = Asking.of(request._request)
            large = large_export(asked.query, wanted, asking)
        if large:
            return IN_BACKGROUND[0](request, large)
        return as_problem(respond(request._request, asked.table.name, lambda: export_of(listing, data, of, asking)))

    return endpoint("GET", *listing.permissions, PERMISSION, is_file=True, **_schema(listing))(read_file)


def as_problem(answer: HttpResponseBase) -> HttpResponseBase:
    """The same; a sentence that says why there is nothing to download becomes a problem document."""
    if answer.status_code < 400 or not isinstance(answer, HttpResponse):
        return answer
    kind = KINDS.get(answer.status_code, "invalid-request")
    told = problem(kind, answer.status_code, answer.content.decode().strip())
    if answer.has_header("Retry-After"):
        told["Retry-After"] = answer["Retry-After"]
    return told


def file_schema(media_type: str, description: str, example: str) -> dict[Any, Any]:
    """An answer that is a file; JSON and YAML are read as what they say."""
    kind = OpenApiTypes.ANY if media_type in ("application/json", "application/yaml") else OpenApiTypes.STR
    return {(200, media_type): OpenApiResponse(kind, description, [OpenApiExample("file", example)])}


def _schema(listing: List) -> dict[str, Any]:
    of_rows = schema.of_rows(listing)
    return of_rows | {
        "operation_id": of_rows["operation_id"].replace("_list", "_export"),
        "summary": f"{listing.title} as a file",
        "description": "All rows that the parameters ask for, as a file: JSON, or CSV for spreadsheets.",
        "parameters": [each for each in of_rows["parameters"] if each.name not in OF_PAGES] + [FORMAT],
        "responses": {
            **file_schema("text/csv", "The file.", "#,title,…"),
            **file_schema("application/json", "The file.", '{"title": "…", "rows": []}'),
            202: OpenApiResponse(OpenApiTypes.OBJECT, IN_JOB, [OpenApiExample("job", {"state": "waiting"})]),
            **schema.problems(400, 404),
        },
    }
