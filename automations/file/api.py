"""An automations file over the REST API: the present one, what another would change, and applying it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from automations.actions.file import ACTIONS, FILE_PERMISSIONS, apply_automations_file
from automations.file.forms import FileForm
from automations.file.preview import PreviewLine, build_preview
from automations.file.views import SEE, download, present
from environments.actions.api import schema
from environments.actions.api.endpoint import body_of, carry_out
from environments.actions.api.form_body import check, fill_in
from environments.actions.forms.base import ActionForm
from environments.actions.views.panel import find_environment
from portal.api.downloads import file_schema
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody
from portal.api.parameters import refuse_all
from portal.api.schema import problems, success
from portal.ledger.diff import Side
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext

DESCRIPTION = (
    "Creates and changes the services and tasks that the file names; others stay as they are. It needs a reason."
)

PLANNED = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string"},
                    "reference": {"type": "string"},
                    "name": {"type": "string"},
                    "verdict": {"type": "string"},
                    "changes": {
                        "type": "array",
                        "items": {"type": "object"},
                        "description": "Path, kind, before, after.",
                    },
                    "warning": {"type": "string"},
                },
            },
        },
    },
}
ENVIRONMENT = OpenApiParameter("environment_id", str, OpenApiParameter.PATH)


def _make(opened: HttpRequest) -> ActionForm:
    return FileForm(opened.POST if opened.method == "POST" else None, needs_reason=True)


@endpoint(
    "POST",
    *SEE,
    *FILE_PERMISSIONS,
    **schema.of_post(
        "automations_file_apply", "Apply an automations file", DESCRIPTION, "environments",
        schema.body_schema(FileForm, needs_reason=True),
    ),
)  # fmt: skip
def apply_one(request: Request, environment_id: UUID) -> HttpResponseBase:
    environment = find_environment(environment_id)

    def do(form: ActionForm, context: RequestContext) -> Operation:
        if not isinstance(form, FileForm):
            raise TypeError(type(form))
        _refuse_unreadable(form)
        return apply_automations_file(environment=environment, file=form.reading.message, **context)

    return carry_out(request, _make, do)


apply_one.does = ACTIONS  # type: ignore[attr-defined]


@endpoint(
    "POST",
    *SEE,
    operation_id="automations_file_plan",
    summary="Plan an automations file",
    description="What applying the file would change. Nothing is done.",
    tags=["environments"],
    parameters=[ENVIRONMENT],
    request={
        "application/json": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
            "additionalProperties": False,
        }
    },
    examples=[OpenApiExample("body", {"text": "tasks: {build: {command: make}}"}, request_only=True)],
    responses={200: success("The plan.", PLANNED, {"lines": []}), **problems(400, 404, 413, 415, 422)},
)
def plan_one(request: Request, environment_id: UUID) -> HttpResponseBase:
    environment = find_environment(environment_id)
    form = fill_in(request, lambda opened: FileForm(opened.POST if opened.method == "POST" else None), body_of(request))
    check(form)
    _refuse_unreadable(form)
    return Response({"lines": list(map(_told, build_preview(form.reading.message, *present(environment)).lines))})


@endpoint(
    "GET",
    *SEE,
    is_file=True,
    operation_id="automations_file_read",
    summary="The automations file of an environment",
    description="Its services and tasks as a file; comments at its top list what it cannot hold.",
    tags=["environments"],
    parameters=[ENVIRONMENT],
    responses={**file_schema("application/yaml", "The file.", "tasks: …"), **problems(400, 404)},
)
def read_one(request: Request, environment_id: UUID) -> HttpResponseBase:
    refuse_all(request.query_params)
    return download(request._request, environment_id)


def _refuse_unreadable(form: FileForm) -> None:
    if problems := form.reading.problems:
        found = [f"{each.where}: {each.reason}" if each.line else each.reason for each in problems]
        raise InvalidBody([("/text", each) for each in found])


def _told(line: PreviewLine) -> dict[str, object]:
    changes = [
        {"path": each.path, "kind": each.kind, "before": _side(each.before), "after": _side(each.after)}
        for each in line.changes
    ]
    return {
        "kind": line.kind, "reference": line.reference, "name": line.name, "verdict": str(line.verdict),
        "changes": changes, "warning": line.warning,
    }  # fmt: skip


def _side(side: Side) -> str | None:
    return None if side.is_absent else side.raw
