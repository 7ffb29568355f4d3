"""The figures of `/` and of the running time by day over the REST API: as they are stored, a request counts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase, QueryDict
from django.urls import path
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from environments.models.overview import OverviewPart
from environments.overview import presentation, running_chart, running_time
from environments.overview.counts import BEFORE
from environments.overview.presentation import Figure
from environments.overview.running_time import Day
from environments.overview.views import CHOICES, DEFAULTS, one_of
from environments.sync.freshness import freshness
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidParameters
from portal.api.schema import AT, problems, success
from portal.directory.own_token import TokenState, own_token
from portal.lists.search import suggestion

SEE = "environments.view_environment"
CHOSEN = {name: CHOICES[name] for name in ("period", "by")}
COUNT, TEXT, SECONDS = {"type": "integer"}, {"type": "string"}, {"type": "number"}
TIME = {"type": ["string", "null"], "format": "date-time"}
FIGURE = {
    "type": "object",
    "properties": {
        "name": TEXT, "label": TEXT, "count": COUNT,
        "query": {**TEXT, "description": "Of the environments behind it."},
        "means": TEXT,
        "before": {"type": "object", "additionalProperties": {"type": ["integer", "null"]},
                   "description": "The count of yesterday and last week; null if it was not observed."},
    },
}  # fmt: skip
STORED = {"type": ["object", "null"]}
OVERVIEW = {
    "type": "object",
    "properties": {
        "at": {**TIME, "description": "When the sync counted; null before the first one."},
        "figures": {"type": "array", "items": FIGURE},
        "attention": {"type": "array", "items": FIGURE, "description": "What needs attention, most urgent first."},
        "failures": {**STORED, "description": "Similar failures, most frequent first."},
        "chart": {**STORED, "description": "Series, and of each slot its begin, the hours observed, and the values."},
        "tops": {**STORED, "description": "Owners, projects and classes with most environments and running time."},
        "startups": {**STORED, "description": "Startup times of the last days, in seconds."},
        "freshness": {"type": "array", "items": {"type": "object"}, "description": "Of each kind of data."},
        "token": {
            "type": "object",
            "description": "The portal's own token for Ona.",
            "properties": {
                "state": {**TEXT, "enum": ["ok", "expiring", "expired", "unknown"]},
                "expires_at": TIME,
                "read_only": {"type": ["boolean", "null"], "description": "null: Ona does not say."},
            },
        },
    },
}
RUNNING_TIME = {
    "type": "object",
    "properties": {
        "seconds": SECONDS,
        "observed_seconds": SECONDS,
        "days": {"type": "array", "items": {
            "type": "object",
            "properties": {"day": {**TEXT, "format": "date"}, "seconds": SECONDS, "observed_seconds": SECONDS},
        }},
    },
}  # fmt: skip


@endpoint(
    "GET",
    SEE,
    operation_id="overview_read",
    summary="Overview",
    description="The figures of the overview, as of the last sync.",
    tags=["overview"],
    parameters=[
        OpenApiParameter(name, str, enum=values, description=f"Of the chart. Without it: {DEFAULTS[name]}.")
        for name, values in CHOSEN.items()
    ],
    responses={200: success("The figures.", OVERVIEW, {"at": AT, "figures": []}), **problems(400)},
)
def read_overview(request: Request) -> HttpResponseBase:
    asked = _choices(request.query_params)
    chart = running_chart.part_name(asked["period"], asked["by"])
    parts = OverviewPart.objects.in_bulk(["counts", "failures", "tops", "startups", chart])
    stored = {name: part.data for name, part in parts.items()}
    counts = stored.get("counts")
    return Response(
        {
            "at": parts["counts"].at if counts else None,
            "figures": [_told(each, counts) for each in presentation.figures(counts)] if counts else [],
            "attention": [_told(each, counts) for each in presentation.attention(counts, lambda permission: False)]
            if counts
            else [],
            "failures": stored.get("failures"),
            "chart": stored.get(chart),
            "tops": stored.get("tops"),
            "startups": stored.get("startups"),
            "token": _token(own_token()),
            "freshness": [{"kind": each.kind, "state": each.state, "as_of": each.as_of} for each in freshness()],
        }
    )


@endpoint(
    "GET",
    SEE,
    operation_id="running_time_list",
    summary="Running time by day",
    description="How long environments ran on each of the last days, in total, and how long the sync observed.",
    tags=["overview"],
    parameters=[
        OpenApiParameter(name, str, description=f"The id of one {name}, or none; at most one of these parameters.")
        for name in running_time.KEYS
    ],
    responses={200: success("The days.", RUNNING_TIME, {"seconds": 0, "days": []}), **problems(400)},
)
def read_running_time(request: Request) -> HttpResponseBase:
    data = request.query_params
    by, identity = one_of(data)
    found = [(name[:100], _unknown(name, list(running_time.KEYS))) for name in data if name != by]
    if found:
        raise InvalidParameters(found)
    return Response(running_time_of(running_time.days_of(by, identity)))


def running_time_of(days: Sequence[Day]) -> dict[str, Any]:
    """The sums, and each day."""
    told = [{"day": each.day, "seconds": each.seconds, "observed_seconds": each.observed} for each in days]
    sums = {"seconds": sum(each.seconds for each in days), "observed_seconds": sum(each.observed for each in days)}
    return {**sums, "days": told}


def _token(token: TokenState) -> dict[str, Any]:
    is_read_only = token.stored.is_read_only if token.stored else None
    return {"state": token.word, "expires_at": token.expires_at, "read_only": is_read_only}


def _choices(data: QueryDict) -> dict[str, str]:
    """The choices of the chart; raises InvalidParameters."""
    found = [(name[:100], _unknown(name, list(CHOSEN))) for name in data if name not in CHOSEN]
    found += [
        (name, f"takes {', '.join(values)}")
        for name, values in CHOSEN.items()
        if data.get(name, values[0]) not in values
    ]
    if found:
        raise InvalidParameters(found)
    return {name: data.get(name, DEFAULTS[name]) for name in CHOSEN}


def _unknown(name: str, names: list[str]) -> str:
    if name in names:
        return "takes an id or none, and is the only one"
    return f"there is no such parameter{suggestion(name[:40], names)}"


def _told(figure: Figure, counts: dict[str, Any]) -> dict[str, Any]:
    dimension = "phase" if figure.phase else "condition"
    return {
        "name": figure.name,
        "label": figure.label,
        "count": figure.count,
        "query": figure.url.partition("?")[2],
        "means": figure.means,
        "before": {since: _before(counts["before"][since][dimension], figure) for since in BEFORE},
    }


def _before(counted: dict[str, Any] | None, figure: Figure) -> int | None:
    """The count of an earlier time; a phase that was not counted had none."""
    if counted is None:
        return None
    earlier: int | None = counted["counts"].get(figure.name, 0 if figure.phase else None)
    return earlier


urlpatterns = [
    path("overview/", read_overview, name="overview"),
    path("running-time/", read_running_time, name="running-time"),
]
