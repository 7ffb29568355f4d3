"""Logs over the REST API, as streams of text, and the support bundle of an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponseBase
from django.urls import path
from rest_framework.request import Request

from automations.logs.access import PERMISSION
from automations.logs.views import environment_bundle, environment_stream, execution_stream, service_stream
from portal.api.downloads import as_problem, file_schema
from portal.api.endpoint import Endpoint, endpoint
from portal.api.parameters import refuse_all
from portal.api.schema import problems

TEXT, FILE = "text/plain", "application/octet-stream"


def _download(view: Callable[..., HttpResponseBase], of: str, summary: str, media_type: str) -> Endpoint:
    """The endpoint of a page's stream."""

    def read_stream(request: Request, **ids: Any) -> HttpResponseBase:
        refuse_all(request.query_params)
        return as_problem(view(request._request, **ids))

    name = f"{of}_{'log' if media_type == TEXT else 'support_bundle'}"
    made = endpoint(
        "GET", "environments.view_environment", PERMISSION,
        is_file=True,
        operation_id=name,
        summary=summary,
        description=f"{summary}: it grows for as long as it is read and written. Control characters are visible signs.",
        tags=[f"{of}s"],
        responses={**file_schema(media_type, summary, "compiling…"), **problems(400, 404, 502)},
    )  # fmt: skip
    return made(read_stream)


urlpatterns = [
    path(f"{of}s/<uuid:{of}_id>/{address}/", _download(view, of, summary, media_type), name=f"{of}-{address}")
    for of, address, view, summary, media_type in (
        ("environment", "log", environment_stream, "The log of an environment", TEXT),
        ("environment", "support-bundle", environment_bundle, "The support bundle of an environment", FILE),
        ("execution", "log", execution_stream, "The log of an execution", TEXT),
        ("service", "log", service_stream, "The log of a service", TEXT),
    )
]
