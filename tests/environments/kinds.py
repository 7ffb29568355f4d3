"""Each kind of change once: how it is asked for, by which call, and what it changes at Ona. For tests and victims."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

from environments.actions import lifecycle
from environments.models import Environment
from portal.ledger.models import Operation
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox

FAR = datetime(2040, 1, 1, tzinfo=UTC)
Act = Callable[..., Operation]
UPDATE = "EnvironmentService/UpdateEnvironment"


def document(sandbox: Sandbox, environment: Environment) -> Any:
    """What Ona holds of the environment: asked for by people, not made by the machine."""
    if str(environment.pk) not in sandbox.world.environments.entries:
        return None
    whole = sandbox.world.document(str(environment.pk))
    return json.dumps([whole["metadata"], whole["spec"], whole["status"].get("activitySignal")], sort_keys=True)


@dataclass(frozen=True)
class Kind:
    """`act` is called with the environment, the actor and a reason; `state` tells what of Ona's it changes."""

    rpc: str
    act: Act
    condition: Condition | None = None
    leaves_a_trace: bool = True
    state: Callable[[Sandbox, Environment], Any] = document


def _of(act: Act, **arguments: Any) -> Act:
    return lambda environment, actor: act(environment=environment, actor=actor, reason="for a test", **arguments)


KINDS = {
    "start": Kind("EnvironmentService/StartEnvironment", _of(lifecycle.start_environment), Condition("STOPPED")),
    "stop": Kind("EnvironmentService/StopEnvironment", _of(lifecycle.stop_environment)),
    "mark active": Kind("EnvironmentService/MarkEnvironmentActive", _of(lifecycle.mark_environment_active)),
    "archive": Kind("EnvironmentService/ArchiveEnvironment", _of(lifecycle.archive_environment), Condition("STOPPED")),
    "unarchive": Kind(
        "EnvironmentService/UnarchiveEnvironment",
        _of(lifecycle.unarchive_environment),
        Condition("STOPPED", archived=True),
    ),
    "delete": Kind("EnvironmentService/DeleteEnvironment", _of(lifecycle.delete_environment)),
    "force delete": Kind("EnvironmentService/DeleteEnvironment", _of(lifecycle.delete_environment, force=True)),
    "rename": Kind(UPDATE, _of(lifecycle.rename_environment, name="another name")),
    "set lockdown": Kind(UPDATE, _of(lifecycle.set_lockdown, at=FAR)),
    "clear lockdown": Kind(UPDATE, _of(lifecycle.clear_lockdown), Condition(lockdown="later")),
}


def ask(name: str, environment_id: str, actor_id: int) -> Operation:
    """Ask for a change of this kind."""
    environment = Environment.objects.get(pk=environment_id)
    return KINDS[name].act(environment, User.objects.get(pk=actor_id))
