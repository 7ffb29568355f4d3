"""Logs over the REST API, as streams of text, and the support bundle of an environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpResponseBase, QueryDict
from django.urls import path
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from automations.logs.access import PERMISSION
from automations.logs.views import environment_bundle, environment_stream, execution_stream, service_stream
from portal.api.downloads import as_problem, file_schema
from portal.api.endpoint import Endpoint, endpoint
from portal.api.errors import InvalidParameters
from portal.api.schema import problems

TEXT, FILE = "text/plain", "application/octet-stream"
OF_LOGS = (
    OpenApiParameter("skip", int, description="How many bytes to leave out, which the reader has."),
    OpenApiParameter(
        "framed", bool,
        description="true: byte 0x16 says that nothing new came for a while, and byte 0x1E begins the last line, an "
        "object with state (ended; broken; again: request the rest with skip) and text. Neither occurs in a log.",
    ),
)  # fmt: skip
TAKES = {"skip": (re.compile("[0-9]{1,15}"), "a number of bytes"), "framed": (re.compile("true"), "true")}


def refuse_others(data: QueryDict, taken: Iterable[str]) -> None:
    """Raises InvalidParameters for those that are not taken, and values that make no sense."""
    found = [(name[:100], "there is no such parameter") for name in data if name not in taken]
    found += [
        (name, f"takes {words}")
        for name, (form, words) in TAKES.items()
        if name in data and not form.fullmatch(str(data[name]))
    ]
    if found:
        raise InvalidParameters(found)


def _download(view: Callable[..., HttpResponseBase], of: str, summary: str, media_type: str) -> Endpoint:
    """The endpoint of a page's stream."""
    taken = OF_LOGS if media_type == TEXT else ()

    def read_stream(request: Request, **ids: Any) -> HttpResponseBase:
        refuse_others(request.query_params, [each.name for each in taken])
        return as_problem(view(request._request, **ids))

    name = f"{of}_{'log' if media_type == TEXT else 'support_bundle'}"
    made = endpoint(
        "GET", "environments.view_environment", PERMISSION,
        is_file=True,
        operation_id=name,
        summary=summary,
        description=f"{summary}: it grows for as long as it is read and written. Control characters are visible signs.",
        tags=[f"{of}s"],
        parameters=[*taken],
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
