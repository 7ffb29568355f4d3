"""`/environments/<id>/logs-token/`, `/access-token/`: a token that is made on request and shown once."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponse

from environments.actions.forms.tokens import TokenForm
from environments.actions.tokens import LIFE
from environments.actions.views.action import ENVIRONMENT, ActionRequest
from environments.actions.views.panel import show_panel
from portal.ledger.models import Operation


def _show_token(opened: ActionRequest, operation: Operation) -> HttpResponse:
    """The token, this once; of one that was made before, only that it was."""
    context = {
        "action": opened.action,
        "url": opened.request.path,
        "operation": operation,
        # revealed by the template alone: a context can end in a log
        "made": opened.form.made if isinstance(opened.form, TokenForm) else None,
        "until": (operation.sent_at or operation.asked_at) + LIFE,
    }
    return show_panel(opened.request, opened.page, "environments/actions/_token_made.html", context)


TOKEN = replace(ENVIRONMENT, close=_show_token)
