"""How the actions on secrets are shown: beside their list, and on the page of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from environments.actions.lifecycle import RESTART
from environments.actions.views.action import ActionRequest, Stage
from environments.actions.views.panel import TONES, close_panel, find_environment, show_panel
from environments.list.filters import MOST_CHOSEN
from environments.models import Environment, Secret
from environments.secrets.actions import UPDATE_SECRET
from environments.secrets.list import SECRETS
from environments.secrets.reach import environments_with_old_value, reach
from portal.ledger.models import Operation, Outcome
from portal.web.htmx import render_page
from portal.web.navigation import url_of
from portal.web.permissions import permission


def _find(
    environment_id: UUID | None = None, secret_id: UUID | None = None
) -> tuple[Secret | Environment | None, Environment | None]:
    """The secret, or for a new one its environment; and the environment on whose page the form is opened, if any."""
    environment = find_environment(environment_id) if environment_id else None
    if secret_id is None:
        return environment, environment
    return _secret(secret_id), environment


def _secret(secret_id: UUID) -> Secret:
    secret = Secret.objects.filter(pk=secret_id).first()
    if secret is None:
        raise Http404(
            f"The portal has no record of a secret {secret_id}. A new one appears after the next sync of "
            "secrets. Look for it by name under Secrets."
        )
    return secret


def _show(opened: ActionRequest, context: Mapping[str, Any], status: int) -> HttpResponse:
    """With whom it reaches besides the environment, and what was typed but for values."""
    request, environment, template = opened.request, opened.page, opened.action.template
    detail = f"{reverse('environments:detail', args=[environment.pk])}?tab=access" if environment else ""
    shown = {
        **context,
        "environment": environment,
        "back": detail or reverse("secrets:list"),
        "is_again": request.method == "POST",
        "template": template,
    }
    if isinstance(opened.subject, Secret):
        secret = opened.subject
        shown |= {"secret": secret, "reach": reach(secret.scope, secret, besides=environment)}
    if environment:
        return show_panel(request, environment, template, shown, status=status)
    return render_page(request, "environments/secrets/page.html", template, shown, status=status)


def _close(opened: ActionRequest, operation: Operation) -> HttpResponse:
    if opened.page:
        return close_panel(opened.request, opened.page, operation, opened.action.tab)
    is_done = operation.outcome == Outcome.SUCCEEDED
    text = f"Secret {operation.target_name} {opened.action.past}." if is_done else operation.explanation
    messages.add_message(opened.request, TONES.get(Outcome(operation.outcome), messages.WARNING), text)
    is_rotated = isinstance(opened.subject, Secret) and opened.action is UPDATE_SECRET
    if is_rotated:
        return redirect("secrets:secret", opened.subject.pk)
    return redirect(_row_of(operation.target_id) if is_done else reverse("secrets:list"))


def _row_of(secret_id: UUID | None) -> str:
    """The row of a secret in the list of all, which the browser marks and scrolls to."""
    return f"{reverse('secrets:list')}#secret-{secret_id}"


@permission(*SECRETS.permissions, "environments.view_environment")
def secret_page(request: HttpRequest, secret_id: UUID) -> HttpResponse:
    """`/secrets/<id>/`: what is known of a secret, and which running environments have its old value."""
    secret = _secret(secret_id)
    old = environments_with_old_value(secret).order_by("name", "pk").only("name")
    named = list(old[:MOST_CHOSEN])
    context = {
        "secret": secret,
        "reach": reach(secret.scope, secret),
        "old": named,
        "old_count": old.count(),
        "restart_url": _restart_url(named) if named and request.user.has_perm(RESTART.permission) else "",
    }
    return render(request, "environments/secrets/secret.html", context)


def _restart_url(environments: Sequence[Environment]) -> str:
    """The plan of a batch that restarts these alone; empty where there are no batches."""
    ids = [("id", identity) for identity in ("none", *(each.pk.hex for each in environments))]
    url = url_of("automations:batch-new")
    return f"{url}?{urlencode([('action', RESTART.name), *ids])}" if url else ""


STAGE = Stage(SECRETS.permissions, _find, _show, _close, lambda environment: {"environment": environment})
