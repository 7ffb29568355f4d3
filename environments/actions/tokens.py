"""Tokens of environments (EnvironmentService). They live one hour; the caller has the only copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Unpack

from django.utils import timezone

from environments.actions import registry
from environments.actions.execute import Change, NotPossible, perform
from environments.actions.registry import Action
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import Asked
from portal.ona import OnaClient
from portal.ona.documents.tokens import Secret

LIFE = timedelta(hours=1)
Made = tuple[Operation, Secret | None]


def create_logs_token(*, environment: Environment, **asked: Unpack[Asked]) -> Made:
    """CreateEnvironmentLogsToken: it reads the environment's logs.

    The token is there only where this very call made it: not for an operation that was asked for before, and not
    where Ona's answer was lost. Raises what `environments.actions.execute.authorize` does.
    """
    return _mint(environment, registry.LOGS_TOKEN, lambda ona: ona.create_environment_logs_token(environment.pk), asked)


def create_access_token(*, environment: Environment, **asked: Unpack[Asked]) -> Made:
    """CreateEnvironmentAccessToken: it opens the environment. Else as `create_logs_token`."""
    return _mint(
        environment, registry.ACCESS_TOKEN, lambda ona: ona.create_environment_access_token(environment.pk), asked
    )


def _mint(environment: Environment, action: Action, call: Callable[[OnaClient], Secret], asked: Asked) -> Made:
    made: list[Secret] = []

    def check(fresh: Environment) -> None:
        if why := action.impossible(fresh, None, timezone.now()):
            raise NotPossible(why)

    change = Change(action, lambda ona: made.append(call(ona)), request={"environmentId": environment.pk}, check=check)
    operation = perform(environment, change, asked)
    return operation, made[0] if made else None
