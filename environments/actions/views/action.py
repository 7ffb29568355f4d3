"""The one view of actions: what it does, what it asks for, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from environments.actions.execute import Conflict, NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.registry import Action
from environments.actions.tokens import MINT
from environments.actions.views.panel import close_panel, find_environment, show_panel
from environments.models import Environment
from portal.accounts.kept_forms import keeps_form
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import OtherContent
from portal.web.confirming import asks_again
from portal.web.parameters import anything, takes
from portal.web.permissions import permission
from portal.web.sensitive import discreet


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action as one request opens or sends it; `page` is what the page is about on which that is, mostly an
    environment."""

    request: HttpRequest
    action: Action
    subject: Any
    page: Any
    form: ActionForm


@dataclass(frozen=True, slots=True)
class Stage:
    """The pages on which actions are opened.

    `find` returns the subject and what the page is about, or raises 404; `arguments` is what functions are given of
    that besides. `show` renders a template on the page, `close` goes back to it after a form was accepted.
    """

    permissions: tuple[str, ...]
    find: Callable[..., tuple[Any, Any]]
    show: Callable[[ActionRequest, Mapping[str, Any], int], HttpResponse]
    close: Callable[[ActionRequest, Operation], HttpResponse]
    arguments: Callable[[Any], dict[str, Any]] = lambda page: {}


def action_view(action: Action, stage: Stage) -> Callable[..., HttpResponseBase]:
    """The view of an action on a stage."""

    @keeps_form
    @permission(*stage.permissions, action.permission)
    def view(request: HttpRequest, /, **ids: UUID) -> HttpResponse:
        subject, page = stage.find(**ids)
        form = action.form_for(request, subject)
        opened = ActionRequest(request, action, subject, page, form)
        operation = submit(request, form, lambda: _do(opened, stage))
        if operation and operation.outcome != Outcome.FAILED:
            return stage.close(opened, operation)
        return stage.show(opened, _context(opened, operation), status_of(request, form))

    if action.is_dangerous or action.permission == MINT:
        view = asks_again("POST")(view)
    view = takes(**dict.fromkeys(action.form.base_fields, anything))(view)
    return discreet(view) if action.is_sensitive else view


def _do(opened: ActionRequest, stage: Stage) -> Operation:
    action, form = opened.action, opened.form
    given = {action.subject: opened.subject} | stage.arguments(opened.page) | form.arguments()
    return action.do(**given, **form.request_context(opened.request.user))


def submit(request: HttpRequest, form: ActionForm, do: Callable[[], Operation]) -> Operation | None:
    """The operation of a form that was sent and is valid; None where it is not possible, which the form then says."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        operation = do()
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    except OtherContent as reason:
        form.refuse_content(str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def status_of(request: HttpRequest, form: ActionForm) -> int:
    """Of an answer that shows the form: 200 where it was not sent, or not to be looked at yet."""
    return form.refusal if request.method == "POST" and form.is_bound else 200


def _context(opened: ActionRequest, operation: Operation | None) -> dict[str, Any]:
    """`operation` failed, if there is one."""
    action, form = opened.action, opened.form
    context = {
        "action": action,
        "subject": opened.subject,
        "form": form,
        "url": opened.request.path,
        "losses": action.losses(opened.subject, timezone.now()) if action.losses else [],
        "why_not": "" if opened.request.method == "POST" else action.why_not(opened.request.user, opened.subject),
    }
    if operation and operation.code == Conflict.code:
        context |= {"conflict": operation, "differences": form.differences(operation)}
        form.rebase(operation)
    else:
        context["operation"] = operation
    return context


def urls(actions: Iterable[Action], stage: Stage, here: str, name: str = "{}") -> list[URLPattern]:
    """The addresses below `here` of those actions that have a page; `name` has the slug in it."""
    return [
        path(f"{here}{action.slug}/", action_view(action, stage), name=name.format(action.slug.replace("/", "-")))
        for action in actions
        if action.slug
    ]


def _find(environment_id: UUID) -> tuple[Environment, Environment]:
    environment = find_environment(environment_id)
    return environment, environment


def _show(opened: ActionRequest, context: Mapping[str, Any], status: int) -> HttpResponse:
    return show_panel(opened.request, opened.page, opened.action.template, context, status=status)


def _close(opened: ActionRequest, operation: Operation) -> HttpResponse:
    return close_panel(opened.request, opened.page, operation, opened.action.tab)


ENVIRONMENT = Stage(("environments.view_environment",), _find, _show, _close)
