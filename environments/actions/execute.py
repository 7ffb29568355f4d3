"""How a change is made: permission → fresh read → ledger row, committed → the call → read-back → the row closed.

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

from environments.actions.registry import Action
from environments.models import Environment
from environments.sync.observe import mark_deleted, observe
from portal.directory.connection import ona_now
from portal.directory.own_token import READ_ONLY, own_token
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import RequestContext, Target
from portal.ona import OnaClient, OnaError, errors
from portal.web import outages

log = structlog.get_logger()
UNANSWERED = (
    "Ona did not answer, so it is unknown whether this was done. The portal checks Ona's state and updates this "
    "operation; do not repeat it until then."
)
Values = Mapping[str, Any]


class NotPossible(Exception):
    """What was requested must not be sent: `args[0]` says why, in words for a person. Nothing was changed.

    `code` is what the ledger keeps of it.
    """

    code = "not_possible"


class ReasonMissing(NotPossible):
    """The action requires a reason."""


class Conflict(NotPossible):
    """Ona has it otherwise than the form was made from: `before` is what that was, `theirs` what Ona has."""

    code = "conflict"

    def __init__(self, mine: Values, theirs: Values, before: Values) -> None:
        self.mine, self.theirs, self.before = mine, theirs, before
        super().__init__(
            "Somebody else changed this part at Ona after the form was opened. Nothing was changed: compare, then "
            "decide."
        )


def _nothing_against_it() -> None:
    """Nothing more is to be checked."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is sent for an action and what it changes.

    `read` brings what is changed up to date with Ona and returns the values that `after` changes; where Ona cannot be
    read, `recorded` returns them. `request` and `check`, which raises NotPossible, come after that. `read_back` is
    given what the call returned, and returns columns of the operation.
    """

    action: Action
    target: Target
    call: Callable[[OnaClient], Any]
    read: Callable[[OnaClient], Values]
    request: Values | Callable[[], Values] = field(default_factory=dict)
    after: Values = field(default_factory=dict)
    check: Callable[[], None] = _nothing_against_it
    read_back: Callable[[OnaClient, Any], Values] = lambda client, answer: {}
    recorded: Callable[[], Values] = dict


def authorize(action: Action, context: RequestContext) -> None:
    """PermissionDenied where the actor may not; ReasonMissing where the action requires one."""
    if not context["actor"].has_perm(action.permission):  # type: ignore[union-attr]
        raise PermissionDenied(f"Your roles do not let you do this ({action.name}).")
    if action.needs_reason and not context.get("reason", "").strip():
        raise ReasonMissing("Enter a reason: it is recorded in the ledger.")


def refuse_read_only() -> None:
    """NotPossible if Ona would refuse every change of the portal's token; one query."""
    if own_token().is_read_only:
        raise NotPossible(READ_ONLY)


def execute(change: Change, context: RequestContext) -> Operation:
    """Ask Ona for `change` and say how it ended; requested twice under one operation id, it is done once.

    Raises what `authorize` does, and NotPossible if its end could not be recorded. Ona's errors do not escape: they are
    in the operation.
    """
    authorize(change.action, context)
    name, target = change.action.name, change.target
    if earlier := recording.earlier(name, target, context):
        return earlier
    refuse_read_only()
    if not outages.has_space():
        raise NotPossible(outages.NOT_SENT)
    client, before, trouble = _read(change)
    request = change.request() if callable(change.request) else change.request
    operation, is_new = recording.begin(name, target, context, request=request, before=before, after=change.after)
    if not is_new:
        return operation
    if client is None:
        return _end(operation, change.action, trouble)
    try:
        _refuse_stale(context.get("made_from"), operation)
        change.check()
    except NotPossible as reason:
        recording.close(operation, Outcome.FAILED, code=reason.code, explanation=str(reason))
        return operation
    return _carry_out(operation, change, client)


def _refuse_stale(seen: Values | None, operation: Operation) -> None:
    """Conflict where Ona has the values neither as the form was made from nor as it requests them."""
    theirs = {name: operation.before[name] for name in seen or {} if name in operation.before}
    before = {name: (seen or {})[name] for name in theirs}
    mine = {name: operation.after.get(name) for name in theirs}
    if theirs not in (before, mine):
        raise Conflict(mine, theirs, before)


def _read(change: Change) -> tuple[OnaClient | None, Values, OnaError | ValueError | None]:
    """The client, and the values as Ona has them now; or what kept the portal from reading them."""
    try:
        client = ona_now()
        return client, change.read(client), None
    except (OnaError, ValueError) as error:
        return None, change.recorded(), error


def _carry_out(operation: Operation, change: Change, client: OnaClient) -> Operation:
    """Make the call of a pending operation, read back what came of it, and close the row."""
    if not recording.sent(operation):
        return operation
    try:
        answer = change.call(client)
    except OnaError as error:
        return _end(operation, change.action, error)
    columns: Values = {}
    try:
        columns = change.read_back(client, answer)
    except OnaError as error:
        log.warning("read-back failed", operation_id=str(operation.pk), action=change.action.name, code=error.code)
    after = operation.after | recording.plain(columns.get("after", {}))
    recording.close(operation, Outcome.SUCCEEDED, **{**columns, "after": after})
    return operation


def _end(operation: Operation, action: Action, error: OnaError | ValueError | None) -> Operation:
    """Close the row as failed, or leave it open where the call may have been done all the same."""
    if not isinstance(error, OnaError):
        recording.close(operation, Outcome.FAILED, code="configuration", explanation=str(error))
    elif operation.sent_at and error.outcome_unknown:
        recording.leave_open(operation, error, UNANSWERED)
    else:
        recording.fail(operation, error, action.explain(error))
    log.warning("operation did not succeed", operation_id=str(operation.pk), action=action.name, code=operation.code)
    return operation


def change_environment(
    action: Action,
    environment: Environment,
    call: Callable[[OnaClient], Any],
    context: RequestContext,
    *,
    request: Values | Callable[[], Values] | None = None,
    values: Callable[[Environment], Values] = lambda environment: {},
    after: Values | None = None,
    check: Callable[[], None] = _nothing_against_it,
) -> Operation:
    """Execute a change of `environment` itself, which is brought up to date with what is read; `values` reads those
    that `after` changes."""

    def read(client: OnaClient) -> Values:
        look_at(client, environment)
        return values(environment)

    def read_back(client: OnaClient, _: Any) -> Values:
        look_at(client, environment)
        return {"after": {"specVersion": version(environment)}}

    change = Change(
        action,
        Target("environment", environment.pk, str(environment), environment.pk),
        call,
        read,
        request or {"environmentId": environment.pk},
        after or {},
        check,
        read_back,
        lambda: values(environment),
    )
    return execute(change, context)


def look_at(client: OnaClient, environment: Environment) -> None:
    """Bring the row up to date with Ona (EnvironmentService.GetEnvironment); marks it gone where Ona has it no more."""
    requested_at = timezone.now()
    try:
        observe([client.get_environment(environment.pk)])
    except errors.NotFound:
        mark_deleted([environment.pk], requested_at)
        raise
    finally:
        environment.refresh_from_db()


def version(environment: Environment) -> str:
    """The specification's version, as Ona writes it."""
    return str(int(environment.spec_version))
