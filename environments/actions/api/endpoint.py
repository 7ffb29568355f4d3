"""The endpoint of an action: the page's stage, form and function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from rest_framework.request import Request

from environments.actions.api import schema
from environments.actions.api.answers import answer, changed_meanwhile
from environments.actions.api.form_body import check, fill_in
from environments.actions.api.sending import REUSED, Sending
from environments.actions.execute import NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.forms.editing import EditForm
from environments.actions.forms.tokens import TokenForm
from environments.actions.registry import Action
from environments.actions.views.action import Stage
from environments.models import Environment, SpecificationVersion
from portal.api.endpoint import Endpoint, endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.parameters import refuse_all
from portal.ledger.models import Operation
from portal.ledger.recording import OtherContent, RequestContext, plain
from portal.web.sensitive import discreet

VERSION_REQUIRED = (
    "Say which version of the specification you changed: If-Match with the ETag that the environment was read with."
)
OTHER_VERSION = "The specification is of another version than yours. Nothing was changed: compare, then decide."


def action_endpoint(action: Action, stage: Stage, operation_id: str) -> Endpoint:
    """The POST of an action on a stage; `operation_id` is its name in the schema."""

    def act(request: Request, **ids: UUID) -> HttpResponseBase:
        subject, page = stage.find(**ids)
        require_version(request, action)

        def make(opened: HttpRequest) -> ActionForm:
            return action.form_for(opened, subject)

        def do(form: ActionForm, context: RequestContext) -> Operation:
            refuse_other_version(request, action, subject, form)
            return action.do(**({action.subject: subject} | stage.arguments(page) | form.arguments()), **context)

        return carry_out(request, make, do)

    view = endpoint("POST", *stage.permissions, action.permission, **schema.of_action(action, operation_id))(act)
    view.does = (action,)  # type: ignore[attr-defined]
    return discreet(view) if action.is_sensitive else view


def carry_out(
    request: Request,
    make: Callable[[HttpRequest], ActionForm],
    do: Callable[[ActionForm, RequestContext], Operation],
) -> HttpResponseBase:
    """Fill in the form, do it under the request's key, and answer; sent again, the answer is that of the first time."""
    body = body_of(request)
    sending = Sending.of(request, body)
    if sending.earlier:
        return answer(sending.earlier)
    form = fill_in(request, make, body)
    check(form)
    context = form.request_context(request.user) | sending.context(request.user)
    operation = refused_as_problem(lambda: do(form, context))
    made = form.made if isinstance(form, TokenForm) else None
    return answer(operation, **({"environment_token": made.reveal()} if made else {}))


def body_of(request: Request) -> dict[str, Any]:
    """The body of a POST; without one, nothing is filled in. Raises Problem."""
    refuse_all(request.query_params)
    body = request.data
    if not isinstance(body, dict):
        raise InvalidBody([("", "The body is not a JSON object.")], 400)
    return dict(body)


def refused_as_problem(do: Callable[[], Operation]) -> Operation:
    """What must not be sent is a problem."""
    try:
        return do()
    except NotPossible as why:
        raise Problem("not-possible", 409, str(why)) from None
    except OtherContent:
        raise Problem("key-reused", 409, REUSED) from None


def require_version(request: Request, action: Action) -> None:
    """Raises Problem for an edit of the specification that does not say which version it changes."""
    if issubclass(action.form, EditForm) and not request.headers.get("If-Match", "").strip():
        raise Problem("version-required", 428, VERSION_REQUIRED)


def refuse_other_version(request: Request, action: Action, subject: Any, form: ActionForm) -> None:
    """Raises Problem where the specification is of another version than `If-Match` names."""
    named = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not isinstance(subject, Environment) or named in ("", "*", str(int(subject.spec_version))):
        return
    values = action.part.values if action.part else lambda environment: {}
    before = _as_of_version(subject, named)
    raise changed_meanwhile(
        OTHER_VERSION,
        plain(values(before)) if before else {},
        plain(values(subject)),
        plain(form.mine()) if isinstance(form, EditForm) else {},
        version=int(subject.spec_version),
    )


def _as_of_version(environment: Environment, version: str) -> Environment | None:
    """The environment with the specification of a version, where that was recorded."""
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        return None
    recorded = SpecificationVersion.objects.of(environment).filter(spec_version=version).first()
    if recorded is None:
        return None
    found = copy(environment)
    found.spec, found.spec_version = recorded.spec, recorded.spec_version
    return found


def urls(actions: Iterable[Action], stage: Stage, here: str, name: str = "{}") -> list[URLPattern]:
    """The addresses below `here` of those actions that have a page, as `environments.actions.views.action.urls`."""
    return [
        path(
            f"{here}actions/{action.slug}/",
            action_endpoint(action, stage, _operation_id(action)),
            name=name.format(f"act-{action.slug.replace('/', '-')}"),
        )
        for action in actions
        if action.slug
    ]


def _operation_id(action: Action) -> str:
    """What it is about, and its page: "environment_edit_ports"."""
    return f"{action.name.partition('.')[0]}_{action.slug}".replace("/", "_").replace("-", "_")
