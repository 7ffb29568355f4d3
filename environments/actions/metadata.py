"""Rename, set and clear the lockdown: UpdateEnvironment of metadata (EnvironmentService).

Each function returns its operation, which says how it ended; see `environments.actions.execute` for what is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Unpack

from django.utils import timezone

from environments.actions.execute import NotPossible, change_environment
from environments.actions.forms.lifecycle import LockdownForm, RenameForm
from environments.actions.forms.limits import SOONEST_LOCKDOWN
from environments.actions.forms.made_from import MadeFrom
from environments.actions.forms.moments import moment_words
from environments.actions.reconcile import by_state
from environments.actions.registry import CHANGE, Action, Danger, Inverse, Many, unless_deleted
from environments.models import Environment
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext, plain

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rename_environment(*, environment: Environment, name: str, **context: Unpack[RequestContext]) -> Operation:
    """UpdateEnvironment.metadata.name: 1 to 128 characters."""
    return _metadata(RENAME, environment, {"name": name}, name_of, context)


def name_of(environment: Environment) -> dict[str, Any]:
    """What it is called."""
    return {"name": environment.name}


def set_lockdown(*, environment: Environment, at: datetime, **context: Unpack[RequestContext]) -> Operation:
    """UpdateEnvironment.metadata.lockdownAt; NotPossible where `at` (aware) is not a minute in the future."""
    check_lockdown(at)
    return _metadata(SET_LOCKDOWN, environment, {"lockdownAt": at}, lockdown, context)


def check_lockdown(at: datetime | None) -> None:
    """NotPossible where `at` (aware) is not a minute in the future, or there is none."""
    if at is None or at < timezone.now() + SOONEST_LOCKDOWN:
        raise NotPossible("A lockdown must be at least a minute in the future: Ona refuses past times.")


def clear_lockdown(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """UpdateEnvironment.metadata.lockdownAt, the epoch: the environment has no lockdown any more."""
    return _metadata(CLEAR_LOCKDOWN, environment, {"lockdownAt": EPOCH}, lockdown, context, after={"lockdownAt": None})


def change_lockdown(*, environment: Environment, at: datetime | None, **context: Unpack[RequestContext]) -> Operation:
    """Set it, or clear it where there is no `at`."""
    if at is None:
        return clear_lockdown(environment=environment, **context)
    return set_lockdown(environment=environment, at=at, **context)


def lockdown(environment: Environment) -> dict[str, Any]:
    """When it is locked down; None where never."""
    return {"lockdownAt": environment.lockdown_at}


def _metadata(
    action: Action,
    environment: Environment,
    metadata: Mapping[str, Any],
    values: Callable[[Environment], Mapping[str, Any]],
    context: RequestContext,
    *,
    after: Mapping[str, Any] | None = None,
) -> Operation:
    sent = plain(metadata)
    return change_environment(
        action, environment, lambda ona: ona.update_environment(environment.pk, metadata=sent), context,
        request={"environmentId": environment.pk, "metadata": sent}, values=values, after=after or metadata,
    )  # fmt: skip


def _cannot_clear_lockdown(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return unless_deleted(environment, organization, now) or ("" if environment.lockdown_at else "It has no lockdown.")


def _lockdown_before(operation: Operation) -> datetime | None:
    text = operation.before["lockdownAt"]
    return datetime.fromisoformat(text) if text else None


def _cannot_lock_as_before(operation: Operation) -> str:
    at = _lockdown_before(operation)
    return "Its earlier lockdown is in the past by now: Ona refuses past times." if at and at <= timezone.now() else ""


LOCKDOWN_BEFORE = Inverse(
    do=change_lockdown,
    arguments=lambda operation: {
        "at": _lockdown_before(operation),
        "made_from": {"lockdownAt": operation.after["lockdownAt"]},
    },
    words=lambda operation: f"lockdown {moment_words(operation.before['lockdownAt'])}",
    impossible=_cannot_lock_as_before,
)
RENAME = Action(
    name="environment.rename",
    label="Rename",
    past="renamed",
    in_ledger="rename environment",
    permission=CHANGE,
    do=rename_environment,
    slug="rename",
    explanation="The name is what people see in lists; nothing in the environment depends on it.",
    form=RenameForm,
    made_from=MadeFrom(name_of, lambda values: {"Name": values["name"]}),
    menu=20,
    proof=by_state(name_of),
)
SET_LOCKDOWN = Action(
    name="environment.set_lockdown",
    label="Lockdown",
    past="lockdown changed",
    in_ledger="set lockdown of environment",
    permission=CHANGE,
    do=change_lockdown,
    slug="lockdown",
    explanation="After this date, an environment can no longer be started if the organization's policy is strict.",
    form=LockdownForm,
    made_from=MadeFrom(lockdown, lambda values: {"Lockdown": moment_words(values["lockdownAt"])}),
    template="environments/actions/_lockdown.html",
    danger=Danger.REASON,
    title="Lockdown of",
    button="Set lockdown",
    menu=30,
    fits=frozenset(
        f"lockdown.{status}" for status in ("running", "past", "24h", "7d", "30d", "later", "exempt", "none", "unknown")
    ),
    many=Many(
        "Set lockdown",
        "of",
        lambda request: {"at": datetime.fromisoformat(request["lockdownAt"])},
        inverse=LOCKDOWN_BEFORE,
    ),
    proof=by_state(lockdown),
)
CLEAR_LOCKDOWN = Action(
    name="environment.clear_lockdown",
    label="Clear lockdown",
    past="lockdown cleared",
    in_ledger="clear lockdown of environment",
    permission=CHANGE,
    do=clear_lockdown,
    danger=Danger.REASON,
    impossible=_cannot_clear_lockdown,
    fits=SET_LOCKDOWN.fits,
    many=Many("Clear lockdown", "of", inverse=LOCKDOWN_BEFORE),
    proof=by_state(lockdown),
)
ACTIONS = (RENAME, SET_LOCKDOWN, CLEAR_LOCKDOWN)
