"""What tests and victims know of a kind of change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from environments.models import Environment
from portal.ledger.models import Operation
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox

Act = Callable[[Environment, User], Operation]


def document(sandbox: Sandbox, environment: Environment) -> Any:
    """What Ona holds of the environment that people ask for."""
    if str(environment.pk) not in sandbox.world.environments.entries:
        return None
    whole = sandbox.world.document(str(environment.pk))
    return json.dumps([whole["metadata"], whole["spec"], whole["status"].get("activitySignal")], sort_keys=True)


def nothing(sandbox: Sandbox, environment: Environment) -> None:
    """Needs no preparation."""


@dataclass(frozen=True)
class Kind:
    """`act` asks for it; `state` tells what of Ona's it changes; `prepare` is done before."""

    rpc: str
    act: Act
    condition: Condition | None = None
    leaves_a_trace: bool = True
    state: Callable[[Sandbox, Environment], Any] = document
    prepare: Callable[[Sandbox, Environment], None] = nothing
