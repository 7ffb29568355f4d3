"""A signed pack of evidence over the REST API, as its page makes one."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase, QueryDict
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request

from environments.actions.api.form_body import unfit
from environments.evidence.build import PARTS
from environments.evidence.forms import EvidenceForm
from environments.evidence.views import FULL, PERMISSIONS, make_pack
from portal.api.downloads import file_schema
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.parameters import refuse_all
from portal.api.schema import problems
from portal.ledger.models import Origin

PROPERTIES: dict[str, Any] = {
    "as_of": {"type": "string", "description": "A past time in UTC; without it, now."},
    "days": {"type": "string", "description": "The period before it, in days: 1, 7, 30, 90, 365 or 3650."},
    "parts": {"type": "array", "items": {"type": "string", "enum": list(PARTS)}, "description": "All unless named."},
    "reason": {"type": "string", "description": "Recorded in the pack and the ledger, with your name."},
}


@endpoint(
    "POST",
    *PERMISSIONS,
    is_file=True,
    operation_id="evidence_make",
    summary="Create an evidence pack",
    description="A signed file with the organization as of a time, and what happened in the period before it.",
    tags=["evidence"],
    request={
        "application/json": {
            "type": "object", "properties": PROPERTIES, "required": ["reason"], "additionalProperties": False,
        }
    },
    examples=[OpenApiExample("body", {"reason": "Audit 2026", "days": "30"}, request_only=True)],
    responses={**file_schema("application/zip", "The pack.", "PK…"), **problems(400, 413, 415, 422)},
)  # fmt: skip
def make_one(request: Request) -> HttpResponseBase:
    refuse_all(request.query_params)
    form = EvidenceForm(_filled_in(request.data))
    if not form.is_valid():
        raise InvalidBody([(f"/{name}", str(each)) for name, found in form.errors.items() for each in found])
    pack = make_pack(form, request.user, Origin.API)
    if pack is None:
        raise Problem("unavailable", 503, FULL)
    return pack


def _filled_in(body: Any) -> QueryDict:
    """The form, as the page first shows it with what the body has."""
    if not isinstance(body, dict):
        raise InvalidBody([("", "The body is not a JSON object.")], 400)
    problems = [(name, "There is no such field.") for name in body if name not in PROPERTIES]
    fields = EvidenceForm.base_fields
    problems += [
        (name, f"{name} {problem}.") for name in PROPERTIES if (problem := unfit(fields[name], body.get(name)))
    ]
    if problems:
        raise InvalidBody([(f"/{name[:60]}", message) for name, message in problems])
    data = QueryDict(mutable=True)
    for name, value in {"days": "30", "parts": list(PARTS), **body}.items():
        if value is not None:
            data.setlist(name, list(map(str, value)) if isinstance(value, list) else [str(value)])
    return data
