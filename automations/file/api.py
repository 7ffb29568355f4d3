"""An automations file applied over the REST API."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request

from automations.actions.file import ACTIONS, FILE_PERMISSIONS, apply_automations_file
from automations.file.forms import FileForm
from automations.file.views import SEE
from environments.actions.api import schema
from environments.actions.api.endpoint import carry_out
from environments.actions.forms.base import ActionForm
from environments.actions.views.panel import find_environment
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext

DESCRIPTION = (
    "Creates and changes the services and tasks that the file names; others stay as they are. It needs a reason."
)


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
        if problems := form.reading.problems:
            found = [f"{each.where}: {each.reason}" if each.line else each.reason for each in problems]
            raise InvalidBody([("/text", each) for each in found])
        return apply_automations_file(environment=environment, file=form.reading.message, **context)

    return carry_out(request, _make, do)


apply_one.does = ACTIONS  # type: ignore[attr-defined]
