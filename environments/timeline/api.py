"""The timeline of an environment over the REST API: the rows beneath its picture, as a file."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from environments.actions.views.panel import find_environment
from environments.timeline.query import LABELS, find_problems
from environments.timeline.views import sources_of, timeline_export
from portal.api.downloads import FORMAT, as_problem, file_schema
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidParameters
from portal.api.schema import problems
from portal.exports.download import PERMISSION
from portal.exports.formats import FORMATS

OF_PAGE = ("transition", "before")  # what the picture shows, not which rows there are


@endpoint(
    "GET",
    "environments.view_environment",
    PERMISSION,
    is_file=True,
    operation_id="environment_timeline_export",
    summary="The timeline of an environment as a file",
    description="What happened to it in a period, newest first: changes, operations, versions, starts, executions.",
    tags=["environments"],
    parameters=[
        OpenApiParameter("environment_id", str, OpenApiParameter.PATH),
        OpenApiParameter("zoom", str, enum=list(LABELS), description="The length of the period."),
        OpenApiParameter("to", str, description="Its end, such as 2026-10-31T18:00:00Z; without it, now."),
        OpenApiParameter("lane", str, description="A part of the environment."),
        OpenApiParameter("q", str, description="Words of what happened."),
        FORMAT,
    ],
    responses={
        **file_schema("text/csv", "The file.", "#,title,…"),
        **file_schema("application/json", "The file.", '{"title": "…", "rows": []}'),
        **problems(400, 404),
    },
)
def read_file(request: Request, environment_id: UUID) -> HttpResponseBase:
    data = request.query_params
    find_environment(environment_id)
    lanes = [lane for source in sources_of(request.user) for lane in source.lanes]
    found = [(each.typed.partition("=")[0], each.message) for each in find_problems(data, lanes)]
    found += [(name, "a file has all rows") for name in OF_PAGE if name in data]
    found += [(name, "is empty; leave it out") for name in ("zoom", "to", "lane") if data.get(name, "x") == ""]
    if data.get("format") not in FORMATS:
        found.append(("format", f"takes {' or '.join(FORMATS)}"))
    if found:
        raise InvalidParameters(found)
    return as_problem(timeline_export(request._request, environment_id))


urlpatterns = [path("environments/<uuid:environment_id>/timeline/export/", read_file, name="timeline-export")]
