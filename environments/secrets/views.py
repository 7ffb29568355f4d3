"""`/secrets/`, and the forms to add, update and delete a secret, also on an environment's page.

Error pages and logs never show what is sent to these forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from environments.actions import registry
from environments.actions.execute import NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.registry import Action
from environments.actions.views.panel import NOT_ACCEPTED, TONES, close_panel, show_panel
from environments.detail.views import find
from environments.models import Environment, Secret
from environments.secrets import actions
from environments.secrets.forms import AddSecretForm, DeleteSecretForm, ValueForm
from environments.secrets.list import list_context, read_state
from environments.secrets.reach import change_token, reach, scope_choices, scope_choices_of
from portal.ledger.models import Operation, Outcome
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission
from portal.web.sensitive import discreet

VIEW = "environments.view_secret"
TAB = "access"
GONE = "It is gone: Ona does not list it any more."


@permission(VIEW)
def secret_list(request: HttpRequest) -> HttpResponse:
    """All secrets, filtered, sorted and paged; a poll (`seen`) gets 204 if nothing changed."""
    seen = change_token()
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context = list_context(read_state(request.GET), seen)
    response = render_page(request, "environments/secrets/list.html", "environments/secrets/_list.html", context)
    if is_fragment(request) and "seen" not in request.GET:
        response["HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"] = context["here"]
    return response


@discreet
@permission(VIEW, registry.ADD_SECRET.permission)
def add_secret(request: HttpRequest, environment_id: UUID | None = None) -> HttpResponse:
    """Add a secret: for an environment, in one of its scopes; from the list, for the organization or a project."""
    environment = find(environment_id) if environment_id else None
    scopes = scope_choices_of(environment) if environment else scope_choices()
    form = AddSecretForm(
        request.POST or None, files=request.FILES or None, scopes=scopes, as_list=environment is None, needs_reason=True
    )

    def request_change() -> Operation:
        return actions.create_secret(
            environment=environment,
            scope=form.chosen_scope(),
            name=form.cleaned_data["name"],
            mount=form.chosen_mount(),
            credential_proxy=form.chosen_proxy(),
            value=form.secret_value(),
            **form.asked(request.user),
        )

    return _handle_form(
        request, environment, registry.ADD_SECRET, form, request_change, {"template": "environments/secrets/_add.html"}
    )


@discreet
@permission(VIEW, registry.UPDATE_SECRET.permission)
def update_secret(request: HttpRequest, secret_id: UUID, environment_id: UUID | None = None) -> HttpResponse:
    """Set a new value."""
    secret, environment = _find(secret_id), find(environment_id) if environment_id else None
    form = ValueForm(request.POST or None, files=request.FILES or None, needs_reason=True)

    def request_change() -> Operation:
        return actions.update_secret_value(
            secret=secret, value=form.secret_value(), environment=environment, **form.asked(request.user)
        )

    context = _secret_context(secret, environment) | {"template": "environments/secrets/_value.html"}
    return _handle_form(request, environment, registry.UPDATE_SECRET, form, request_change, context)


@permission(VIEW, registry.DELETE_SECRET.permission)
def delete_secret(request: HttpRequest, secret_id: UUID, environment_id: UUID | None = None) -> HttpResponse:
    """Delete a secret permanently."""
    secret, environment = _find(secret_id), find(environment_id) if environment_id else None
    form = DeleteSecretForm(request.POST or None, name=str(secret), needs_reason=True)

    def request_change() -> Operation:
        return actions.delete_secret(secret=secret, environment=environment, **form.asked(request.user))

    context = _secret_context(secret, environment) | {"template": "environments/secrets/_delete.html"}
    return _handle_form(request, environment, registry.DELETE_SECRET, form, request_change, context)


def _find(secret_id: UUID) -> Secret:
    secret = Secret.objects.filter(pk=secret_id).first()
    if secret is None:
        raise Http404(
            f"The portal knows no secret {secret_id}. One that was made a moment ago appears after the next sync of "
            "secrets. Look for it by name under Secrets."
        )
    return secret


def _secret_context(secret: Secret, environment: Environment | None) -> dict[str, Any]:
    """The secret, its reach besides the environment, and why its forms are closed."""
    reached = reach(secret.scope, secret, besides=environment)
    return {"secret": secret, "reach": reached, "why_not": GONE if secret.gone_at else ""}


def _handle_form(
    request: HttpRequest,
    environment: Environment | None,
    action: Action,
    form: ActionForm,
    request_change: Callable[[], Operation],
    context: dict[str, Any],
) -> HttpResponse:
    """Request the change if the form is valid, and go back; else show the form, without values."""
    operation = _request_operation(form, request_change) if request.method == "POST" and form.is_valid() else None
    if operation and operation.outcome != Outcome.FAILED:
        return _go_back(request, environment, operation, action)
    shown = context | {
        "action": action,
        "form": form,
        "operation": operation,
        "environment": environment,
        "url": request.path,
        "back": f"{reverse('environments:detail', args=[environment.pk])}?tab={TAB}"
        if environment
        else reverse("secrets:list"),
        "is_again": request.method == "POST",
    }
    status = NOT_ACCEPTED if request.method == "POST" else 200
    template = context["template"]
    if environment:
        return show_panel(request, environment, template, shown, status=status)
    return render_page(request, "environments/secrets/page.html", template, shown, status=status)


def _request_operation(form: ActionForm, request_change: Callable[[], Operation]) -> Operation | None:
    """Request the operation; None if it is not possible, with the reason on the form."""
    try:
        operation = request_change()
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None
    if operation.outcome == Outcome.FAILED:
        form.tried()
    return operation


def _go_back(
    request: HttpRequest, environment: Environment | None, operation: Operation, action: Action
) -> HttpResponse:
    if environment:
        return close_panel(request, environment, operation, TAB)
    is_done = operation.outcome == Outcome.SUCCEEDED
    text = f"Secret {operation.target_name} {action.done}." if is_done else operation.explanation
    messages.add_message(request, TONES.get(Outcome(operation.outcome), messages.WARNING), text)
    return redirect("secrets:list")
