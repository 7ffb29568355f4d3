"""The figures and the forecast of both audits over the REST API."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from environments.as_of import clock
from environments.audit.counts import tally
from environments.audit.forecast import counts_by_day
from environments.audit.list import AUDIT_LISTS, policy_words
from environments.audit.query import AUDITS, READ, Audit, AuditState
from environments.audit.rows import figures
from environments.list.change_token import revision
from environments.policies.policy import policy_at
from portal.api import parameters, schema
from portal.api.endpoint import Endpoint, endpoint
from portal.api.errors import InvalidParameters
from portal.lists.query import as_of_of

OF_ROWS = ("cursor", "page_size", "fields", "count", "sort", "group", "status", "day")
TEXT, COUNT = {"type": "string"}, {"type": "integer"}
TOLD = {
    "type": "object",
    "properties": {
        "at": {**TEXT, "format": "date-time", "description": "The time that the audit is about."},
        "policy": {**TEXT, "description": "The policy then, in words."},
        "statuses": {
            "type": "array",
            "items": {"type": "object", "properties": {"status": TEXT, "label": TEXT, "means": TEXT, "count": COUNT}},
        },
        "forecast": {
            "type": "array",
            "description": "The next 30 days in UTC, and how many environments come to what on each.",
            "items": {
                "type": "object",
                "properties": {"day": {**TEXT, "format": "date"}},
                "additionalProperties": COUNT,
            },
        },
    },
}


def _forecast_of(audit: Audit) -> Endpoint:
    listing = AUDIT_LISTS[audit.slug]

    def read_forecast(request: Request) -> HttpResponseBase:
        data = request.query_params
        if found := [(name, "a forecast has no rows") for name in OF_ROWS if name in data]:
            raise InvalidParameters(found)
        as_of = as_of_of(listing, data)
        with as_of.reading():
            query = parameters.read(listing, data, as_of, {}).query
            now = clock.at()
            return Response(_told(AuditState(audit, policy_at(now), now, revision(), query)))

    of_rows = schema.of_rows(listing)
    made = endpoint(
        "GET", *READ,
        operation_id=f"audit_{audit.slug}_forecast",
        summary=f"{audit.title}: figures and forecast",
        description="How many environments are in each status, and what the policy does on each of the next 30 days.",
        tags=["audit"],
        parameters=[each for each in of_rows["parameters"] if each.name not in OF_ROWS],
        responses={200: schema.success("Figures.", TOLD, {"statuses": [], "forecast": []}), **schema.problems(400)},
    )  # fmt: skip
    return made(read_forecast)


def _told(state: AuditState) -> dict[str, object]:
    days = counts_by_day(state.audit.ahead, tally(state).ahead, state.now)
    return {
        "at": state.now,
        "policy": policy_words(state),
        "statuses": [
            {"status": each.name, "label": each.label, "means": each.means, "count": each.count}
            for each in figures(state)[0]
        ],
        "forecast": [{"day": day, **dict(zip(state.audit.ahead, numbers, strict=True))} for day, numbers in days],
    }


urlpatterns = [
    path(f"audit/{slug}/forecast/", _forecast_of(audit), name=f"audit-{slug}-forecast")
    for slug, audit in AUDITS.items()
]
