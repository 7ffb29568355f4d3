"""`/environments/<id>/logs-token/`, `/access-token/`: a token that is made on request and shown once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from environments.actions import registry, tokens
from environments.actions.execute import NotPossible
from environments.actions.forms.base import ActionForm
from environments.actions.registry import Action
from environments.actions.views.panel import NOT_ACCEPTED, show_panel
from environments.detail.views import find, organization_of
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.ona.documents.tokens import Secret
from portal.web.permissions import permission


@dataclass(frozen=True, slots=True)
class Token:
    """A kind of token: what its holder can do with it."""

    slug: str
    action: Action
    mint: Callable[..., tokens.Made]
    power: str


TOKENS = (
    Token(
        "logs-token",
        registry.LOGS_TOKEN,
        tokens.create_logs_token,
        "Whoever holds it can read this environment's logs: of its start, its devcontainer, its tasks and services. "
        "Logs can hold what programs print, secrets too.",
    ),
    Token(
        "access-token",
        registry.ACCESS_TOKEN,
        tokens.create_access_token,
        "Whoever holds it can reach this environment as Ona's own editors and tools do, and with it the files and "
        "credentials in it. Its owner is not told.",
    ),
)


def _view(token: Token) -> Callable[..., HttpResponseBase]:
    @permission("environments.view_environment", token.action.permission)
    def view(request: HttpRequest, environment_id: UUID) -> HttpResponse:
        environment = find(environment_id)
        form = ActionForm(request.POST or None, needs_reason=token.action.needs_reason)
        if request.method != "POST" or not form.is_valid():
            return _ask(request, environment, token, form)
        try:
            operation, made = token.mint(environment=environment, **form.asked(request.user))
        except NotPossible as reason:
            form.add_error(None, str(reason))
            return _ask(request, environment, token, form)
        if operation.outcome == Outcome.FAILED:
            form.tried()
            return _ask(request, environment, token, form, operation)
        return _show(request, environment, token, operation, made)

    return view


def _ask(
    request: HttpRequest, environment: Environment, token: Token, form: ActionForm, failed: Operation | None = None
) -> HttpResponse:
    is_sent = request.method == "POST"
    why_not = token.action.impossible(environment, organization_of(environment), timezone.now())
    context = {
        "token": token,
        "url": _address(token, environment),
        "form": form,
        "operation": failed,
        "why_not": "" if is_sent else why_not,
    }
    status = NOT_ACCEPTED if is_sent else 200
    return show_panel(request, environment, "environments/actions/_token.html", context, status=status)


def _show(
    request: HttpRequest, environment: Environment, token: Token, operation: Operation, made: Secret | None
) -> HttpResponse:
    """The token, this once; of one that was made before, only that it was."""
    context = {
        "token": token,
        "url": _address(token, environment),
        "operation": operation,
        "made": made,  # revealed by the template alone: a context can end in a log
        "until": (operation.sent_at or operation.asked_at) + tokens.LIFE,
    }
    return show_panel(request, environment, "environments/actions/_token_made.html", context)


def _address(token: Token, environment: Environment) -> str:
    return reverse(f"environments:{token.slug}", args=[environment.pk])


def urls() -> list[URLPattern]:
    """One address for each kind."""
    return [path(f"<uuid:environment_id>/{token.slug}/", _view(token), name=token.slug) for token in TOKENS]
