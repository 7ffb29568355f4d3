"""Tokens of environments (EnvironmentService). They live one hour; the caller has the only copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Unpack

from django.utils import timezone

from environments.actions.execute import NotPossible, change_environment
from environments.actions.forms.tokens import TokenForm
from environments.actions.lifecycle import only_running
from environments.actions.registry import Action, Danger
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext
from portal.ona import OnaClient
from portal.ona.documents.tokens import Secret

LIFE = timedelta(hours=1)
MINT = "environments.mint_environment_token"
HandOver = Callable[[Secret], object]


def create_logs_token(*, environment: Environment, hand_over: HandOver, **context: Unpack[RequestContext]) -> Operation:
    """CreateEnvironmentLogsToken: it reads the environment's logs.

    The token is handed over only where this very call made it: not for an operation that was requested before, and not
    where Ona's answer was lost. Raises what `environments.actions.execute.authorize` does.
    """
    return _mint(
        LOGS_TOKEN, environment, lambda ona: ona.create_environment_logs_token(environment.pk), hand_over, context
    )


def create_access_token(
    *, environment: Environment, hand_over: HandOver, **context: Unpack[RequestContext]
) -> Operation:
    """CreateEnvironmentAccessToken: it opens the environment. Else as `create_logs_token`."""
    return _mint(
        ACCESS_TOKEN, environment, lambda ona: ona.create_environment_access_token(environment.pk), hand_over, context
    )


def _mint(
    action: Action,
    environment: Environment,
    call: Callable[[OnaClient], Secret],
    hand_over: HandOver,
    context: RequestContext,
) -> Operation:
    def check() -> None:
        if why := action.impossible(environment, None, timezone.now()):
            raise NotPossible(why)

    return change_environment(action, environment, lambda ona: hand_over(call(ona)), context, check=check)


LOGS_TOKEN = Action(
    name="environment.create_logs_token", label="Logs token", past="logs token created",
    in_ledger="create logs token for environment", permission=MINT, do=create_logs_token, slug="logs-token", menu=40,
    danger=Danger.LOSS, impossible=only_running, form=TokenForm, template="environments/actions/_token.html",
    explanation="Whoever holds it can read this environment's logs: of its start, its devcontainer, its tasks and "
    "services. Logs can hold what programs print, secrets too.",
)  # fmt: skip
ACCESS_TOKEN = Action(
    name="environment.create_access_token", label="Access token", past="access token created",
    in_ledger="create access token for environment", permission=MINT, do=create_access_token, slug="access-token",
    menu=50, danger=Danger.LOSS, impossible=only_running, form=TokenForm,
    template="environments/actions/_token.html",
    explanation="Whoever holds it can reach this environment as Ona's own editors and tools do, and with it the files "
    "and credentials in it. Its owner is not notified.",
)  # fmt: skip
ACTIONS = (LOGS_TOKEN, ACCESS_TOKEN)
