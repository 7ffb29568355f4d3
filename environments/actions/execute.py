"""How a change is made: who may → fresh read → ledger row, committed → the call → read-back → the row's end.

Every step may be the last one of this process. What then stands in the ledger, and at Ona, is enough for
`environments.actions.reconcile` to tell what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from environments.actions.error_messages import explain
from environments.actions.registry import Action
from environments.models import Environment
from environments.sync.observe import mark_deleted, observe
from portal.directory.connection import ona_now
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import Asked, Target
from portal.ona import OnaClient, OnaError, errors

log = structlog.get_logger()
UNANSWERED = (
    "Ona's answer did not come, so it is not known whether this was done. The portal looks at Ona's state and closes "
    "the row as soon as that proves it; do not ask again before."
)
Values = Callable[[Environment], Mapping[str, Any]]


class NotPossible(Exception):
    """What was asked for must not be sent: `args[0]` says why, in words for a person. Nothing was changed.

    `code` is what the ledger keeps of it.
    """

    code = "not_possible"


class ReasonMissing(NotPossible):
    """The action wants a reason."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be sent for an action and what it changes.

    `request` and `after` go into the ledger as they are; `before` reads the values that `after` changes from the
    environment as Ona has it now. `check` is given the same fresh environment and raises NotPossible; so is `request`
    where it depends on what Ona has.
    """

    action: Action
    call: Callable[[OnaClient], None]
    request: Mapping[str, Any] | Values = field(default_factory=dict)
    before: Values = lambda environment: {}
    after: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Environment], None] = lambda environment: None


def authorize(action: Action, asked: Asked) -> None:
    """PermissionDenied where the actor may not; ReasonMissing where the action wants one."""
    if not asked["actor"].has_perm(action.permission):  # type: ignore[union-attr]
        raise PermissionDenied(f"Your roles do not let you do this ({action.name}).")
    if action.needs_reason and not asked.get("reason", "").strip():
        raise ReasonMissing("Say why: the reason is kept in the ledger.")


def perform(environment: Environment, change: Change, asked: Asked) -> Operation:
    """Ask Ona for `change` and say how it ended; asked twice under one operation id, it is done once.

    `environment` is brought up to date with what was read. Raises what `authorize` does; Ona's errors do not escape:
    they are in the operation.
    """
    authorize(change.action, asked)
    name, target = change.action.name, target_of(environment)
    if earlier := recording.earlier(name, target, asked):
        return earlier
    client, trouble = _look(environment)
    before = change.before(environment)
    request = change.request(environment) if callable(change.request) else change.request
    operation, is_new = recording.begin(name, target, asked, request=request, before=before, after=change.after)
    if not is_new:
        return operation
    if client is None:
        return end(operation, change.action, trouble)
    try:
        change.check(environment)
    except NotPossible as reason:
        recording.close(operation, Outcome.FAILED, code=reason.code, explanation=str(reason))
        return operation
    return carry_out(operation, change.action, lambda: change.call(client), lambda: read_back(client, environment))


def carry_out(
    operation: Operation, action: Action, call: Callable[[], object], look: Callable[[], Mapping[str, Any]]
) -> Operation:
    """Make the call of a pending operation, `look` at what came of it (columns of the row), and close the row."""
    if not recording.sent(operation):
        return operation
    try:
        call()
    except OnaError as error:
        return end(operation, action, error)
    columns = look()
    after = operation.after | recording.plain(columns.get("after", {}))
    recording.close(operation, Outcome.SUCCEEDED, **{**columns, "after": after})
    return operation


def end(operation: Operation, action: Action, error: OnaError | ValueError | None) -> Operation:
    """Close the row as failed, or leave it open where the call may have been done all the same."""
    if not isinstance(error, OnaError):
        recording.close(operation, Outcome.FAILED, code="configuration", explanation=str(error))
    elif operation.sent_at and error.outcome_unknown:
        recording.leave_open(operation, error, UNANSWERED)
    else:
        recording.fail(operation, error, explain(action, error))
    log.warning("operation did not succeed", operation_id=str(operation.pk), action=action.name, code=operation.code)
    return operation


def target_of(environment: Environment) -> Target:
    """The environment as the ledger names it."""
    return Target("environment", environment.pk, str(environment), environment.pk)


def _look(environment: Environment) -> tuple[OnaClient | None, OnaError | ValueError | None]:
    """The client, and the environment as Ona has it now; or what kept the portal from reading it."""
    try:
        client = ona_now()
        look_at(client, environment)
    except (OnaError, ValueError) as error:
        return None, error
    return client, None


def look_at(client: OnaClient, environment: Environment) -> None:
    """Bring the row up to date with Ona (EnvironmentService.GetEnvironment); marks it gone where Ona has it no more."""
    asked_at = timezone.now()
    try:
        observe([client.get_environment(environment.pk)])
    except errors.NotFound:
        mark_deleted([environment.pk], asked_at)
        raise
    finally:
        environment.refresh_from_db()


def read_back(client: OnaClient, environment: Environment) -> Mapping[str, Any]:
    """What Ona made of it: the version of the specification now. Failing to read it leaves that to the next sweep."""
    try:
        look_at(client, environment)
    except errors.NotFound:
        return {}
    except OnaError as error:
        log.warning("read-back failed", environment_id=str(environment.pk), code=error.code)
        return {}
    return {"after": {"specVersion": version(environment)}}


def version(environment: Environment) -> str:
    """The specification's version, as Ona writes it."""
    return str(int(environment.spec_version))
