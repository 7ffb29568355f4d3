"""`/environments/<id>/edit/<part>/`: the specification editor, one form for each part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from environments.actions import registry
from environments.actions.execute import NotPossible
from environments.actions.forms.editing import EditForm
from environments.actions.forms.ports import PortsForm
from environments.actions.forms.specification import (
    AutomationsFileForm,
    ContentForm,
    DevcontainerForm,
    GitForm,
    KernelControlsForm,
    TimeoutForm,
)
from environments.actions.forms.ssh_keys import SSHKeysForm
from environments.actions.losses import losses
from environments.actions.menu import NOT_ALLOWED
from environments.actions.registry import Action
from environments.actions.specification import Conflict
from environments.actions.views.panel import NOT_ACCEPTED, close_panel, show_panel
from environments.detail.views import find, organization_of
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.web.permissions import permission


@dataclass(frozen=True, slots=True)
class Editor:
    """A part with its form; `tab` of the environment's page shows the part, `template` the form's fields."""

    slug: str
    action: Action
    form: type[EditForm]
    title: str
    tab: str = ""
    template: str = "environments/actions/edit/_panel.html"
    button: str = "Save"
    is_dangerous: bool = False


EDITORS = {
    editor.slug: editor
    for editor in (
        Editor("ports", registry.PORTS, PortsForm, "Ports", "", "environments/actions/edit/ports.html"),
        Editor("timeout", registry.TIMEOUT, TimeoutForm, "Inactivity timeout"),
        Editor("git", registry.GIT, GitForm, "Git name and e-mail", "content"),
        Editor(
            "ssh-keys", registry.SSH_KEYS, SSHKeysForm, "SSH keys", "access", "environments/actions/edit/ssh_keys.html"
        ),
        Editor("devcontainer", registry.DEVCONTAINER, DevcontainerForm, "Devcontainer file", "content"),
        Editor("automations-file", registry.AUTOMATIONS_FILE, AutomationsFileForm, "Automations file", "content"),
        Editor(
            "content",
            registry.CONTENT,
            ContentForm,
            "Make the content anew",
            "content",
            "environments/actions/edit/content.html",
            "Throw away and fetch again",
            is_dangerous=True,
        ),
        Editor("kernel-controls", registry.KERNEL_CONTROLS, KernelControlsForm, "Kernel controls: programs", "access"),
    )
}


def urls() -> list[URLPattern]:
    """One address for each."""
    return [
        path(f"<uuid:environment_id>/edit/{slug}/", _view(editor), name=f"edit-{slug}")
        for slug, editor in EDITORS.items()
    ]


def why_not(editor: Editor, environment: Environment, user: User | AnonymousUser) -> str:
    """Why this person cannot edit the part now; empty where they can."""
    if not user.has_perm(editor.action.permission):
        return NOT_ALLOWED
    return editor.action.impossible(environment, None, timezone.now())  # no policy forbids editing as such


def _view(editor: Editor) -> Callable[..., HttpResponseBase]:
    @permission("environments.view_environment", editor.action.permission)
    def view(request: HttpRequest, environment_id: UUID) -> HttpResponse:
        environment = find(environment_id)
        form = _form(request, editor, environment)
        if not form.is_bound:
            return _show(request, editor, form)
        operation = _ask(request, form) if form.is_valid() else None
        if operation and operation.outcome != Outcome.FAILED:
            return close_panel(request, environment, operation, editor.tab)
        return _show(request, editor, form, operation)

    return view


def _form(request: HttpRequest, editor: Editor, environment: Environment) -> EditForm:
    """The form; where more rows are asked for, it is not looked at yet."""
    sent = request.POST if request.method == "POST" else None
    only_more = sent is not None and "more" in sent
    return editor.form(
        None if only_more else sent,
        typed=sent if only_more else None,
        environment=environment,
        organization=organization_of(environment),
        needs_reason=editor.action.needs_reason,
    )


def _ask(request: HttpRequest, form: EditForm) -> Operation | None:
    """The operation; None where it is not possible, which the form then says."""
    try:
        operation = form.save(form.asked(request.user))
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def _show(request: HttpRequest, editor: Editor, form: EditForm, operation: Operation | None = None) -> HttpResponse:
    environment = form.environment
    context: dict[str, Any] = {"editor": editor, "form": form, "button": editor.button, "losses": []}
    if operation and operation.code == Conflict.code:
        context |= {"conflict": operation, "differences": form.differences(operation)}
        form.rebase(operation)
    else:
        context["operation"] = operation
    if editor.is_dangerous:
        context["losses"] = losses(environment, timezone.now())
    if request.method == "GET":
        context["why_not"] = why_not(editor, environment, request.user)
    status = NOT_ACCEPTED if form.is_bound else 200
    return show_panel(request, environment, editor.template, context, status=status)
