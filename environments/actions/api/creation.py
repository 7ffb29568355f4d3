"""A new environment, as the form of `environments.actions.views.creation` makes one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request

from environments.actions.api import schema
from environments.actions.api.endpoint import carry_out
from environments.actions.creation import ACTIONS
from environments.actions.forms.base import ActionForm
from environments.actions.forms.creation import CreationForm
from environments.actions.views.creation import create
from portal.api.endpoint import endpoint
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext

DESCRIPTION = (
    "From the address of a repository (way: url) or from a project (way: project). Ona makes it for the account of the "
    "portal's own token."
)


def _make(opened: HttpRequest) -> ActionForm:
    return CreationForm(opened.POST if opened.method == "POST" else None)


def _do(form: ActionForm, context: RequestContext) -> Operation:
    if not isinstance(form, CreationForm):
        raise TypeError(type(form))
    return create(form, context)


@endpoint(
    "POST",
    "environments.view_environment",
    "environments.add_environment",
    **schema.of_post(
        "environment_create",
        "Create",
        DESCRIPTION,
        "environments",
        schema.body_schema(CreationForm, needs_reason=False),
    ),
)
def create_one(request: Request) -> HttpResponseBase:
    return carry_out(request, _make, _do)


create_one.does = ACTIONS  # type: ignore[attr-defined]
