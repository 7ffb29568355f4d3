"""A signed pack of evidence over the REST API: sent at once if it is small, else made by a background job."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpResponseBase, QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request

from environments.actions.api.form_body import unfit
from environments.evidence.build import PARTS, build_pack
from environments.evidence.forms import EvidenceForm
from environments.evidence.job import MEDIA_TYPE, PERMISSIONS, file_name, start_pack
from environments.evidence.tables import count_rows
from portal.api.downloads import file_schema
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.parameters import refuse_all
from portal.api.schema import problems
from portal.exports.download import HEADERS, PLACES
from portal.jobs import api as jobs
from portal.ledger.models import Origin
from portal.ledger.recording import RequestContext

FULL = "As many files are being made as the portal has room for. Try again in a minute."
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
    description="A signed file with the organization as of a time, and what happened in the period before it. One of "
    "more rows than PORTAL_DIRECT_ROWS is created by a background job (202).",
    tags=["evidence"],
    request={
        "application/json": {
            "type": "object", "properties": PROPERTIES, "required": ["reason"], "additionalProperties": False,
        }
    },
    examples=[OpenApiExample("body", {"reason": "Audit 2026", "days": "30"}, request_only=True)],
    responses={
        **file_schema(MEDIA_TYPE, "The pack.", "PK…"), jobs.ACCEPTED: jobs.JOB, **problems(400, 413, 415, 422),
    },
)  # fmt: skip
def make_one(request: Request) -> HttpResponseBase:
    refuse_all(request.query_params)
    form = EvidenceForm(_filled_in(request.data))
    if not form.is_valid():
        raise InvalidBody([(f"/{name}", str(each)) for name, found in form.errors.items() for each in found])
    asked = form.pack_request()
    if count_rows(asked.since, asked.moment or timezone.now(), asked.parts) > settings.DIRECT_ROWS:
        return jobs.accepted(request, lambda: start_pack(form, request.user, Origin.API))
    if not PLACES.take():
        raise Problem("unavailable", 503, FULL)
    try:
        return _pack(form, {"actor": request.user, "reason": form.cleaned_data["reason"], "origin": Origin.API})
    finally:
        PLACES.leave()


def _pack(form: EvidenceForm, context: RequestContext) -> FileResponse:
    """Send the pack from an anonymous file, which is deleted when it was sent or the portal ends."""
    file = TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        manifest = build_pack(form.pack_request(), context, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=file_name(manifest), content_type=MEDIA_TYPE, headers=HEADERS
    )


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
