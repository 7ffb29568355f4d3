"""Start, stop, keep awake, archive, unarchive, delete, rename, lockdown (EnvironmentService).

Each returns its operation, which says how it ended; see `environments.actions.execute.perform` for what is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Unpack

from django.utils import timezone

from environments.actions import registry
from environments.actions.execute import Change, NotPossible, perform, version
from environments.models import Environment, Phase
from portal.ledger.models import Operation
from portal.ledger.recording import Asked, plain
from portal.ona import OnaClient

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOONEST = timedelta(minutes=1)
Call = Callable[[OnaClient], None]


def start_environment(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """StartEnvironment: Ona answers before it runs."""
    return _phase(environment, registry.START, Phase.RUNNING, lambda ona: ona.start_environment(environment.pk), asked)


def stop_environment(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """StopEnvironment: Ona answers before it has stopped."""
    return _phase(environment, registry.STOP, Phase.STOPPED, lambda ona: ona.stop_environment(environment.pk), asked)


def delete_environment(*, environment: Environment, force: bool = False, **asked: Unpack[Asked]) -> Operation:
    """DeleteEnvironment, for ever; `force` skips the graceful stop and can lose data."""
    action = registry.FORCE_DELETED if force else registry.DELETED
    call = partial(_delete, environment, force)
    return _phase(environment, action, Phase.DELETED, call, asked, {"force": True} if force else {})


def _delete(environment: Environment, force: bool, ona: OnaClient) -> None:
    ona.delete_environment(environment.pk, force=force)


def _phase(
    environment: Environment,
    action: registry.Action,
    desired: Phase,
    call: Call,
    asked: Asked,
    request: Mapping[str, Any] | None = None,
) -> Operation:
    """A change of the phase that is wanted, which raises the specification's version."""
    request = {"environmentId": environment.pk, **(request or {})}
    after = {"desiredPhase": desired}
    return perform(environment, Change(action, call, request, phases, after), asked)


def phases(environment: Environment) -> dict[str, Any]:
    """What it is, what it shall be, and the version that every change of that raises."""
    return {
        "phase": environment.phase,
        "desiredPhase": environment.desired_phase,
        "specVersion": version(environment),
    }


def archive_environment(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """ArchiveEnvironment, which stops a running one first."""
    change = Change(
        registry.ARCHIVE,
        lambda ona: ona.archive_environment(environment.pk),
        {"environmentId": environment.pk},
        archived,
        {"archived": True},
    )
    return perform(environment, change, asked)


def unarchive_environment(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """UnarchiveEnvironment: it comes back stopped."""
    change = Change(
        registry.UNARCHIVE,
        lambda ona: ona.unarchive_environment(environment.pk),
        {"environmentId": environment.pk},
        archived,
        {"archived": False},
    )
    return perform(environment, change, asked)


def archived(environment: Environment) -> dict[str, Any]:
    """Whether it is archived."""
    return {"archived": environment.archived_at is not None, "phase": environment.phase}


def mark_environment_active(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """MarkEnvironmentActive: puts off the stop for inactivity; source and time show on the environment."""
    source, now = f"Environment Portal: {asked['actor'].get_username()}"[:80], timezone.now()
    signal = {"source": source, "timestamp": now}
    change = Change(
        registry.KEEP_AWAKE,
        lambda ona: ona.mark_environment_active(environment.pk, source=source, timestamp=now),
        {"environmentId": environment.pk, "activitySignal": signal},
        activity,
        {"activitySignal": signal},
    )
    return perform(environment, change, asked)


def activity(environment: Environment) -> dict[str, Any]:
    """The newest sign of use that Ona keeps."""
    signal = environment.status.get("activitySignal") or {}
    return {"activitySignal": {"source": signal.get("source", ""), "timestamp": environment.active_at}}


def rename_environment(*, environment: Environment, name: str, **asked: Unpack[Asked]) -> Operation:
    """UpdateEnvironment.metadata.name: 1 to 128 characters."""
    return _metadata(environment, registry.RENAME, {"name": name}, lambda fresh: {"name": fresh.name}, asked)


def set_lockdown(*, environment: Environment, at: datetime, **asked: Unpack[Asked]) -> Operation:
    """UpdateEnvironment.metadata.lockdownAt; NotPossible where `at` (aware) is not a minute in the future."""
    check_lockdown(at)
    return _metadata(environment, registry.LOCKDOWN, {"lockdownAt": at}, lockdown, asked)


def check_lockdown(at: datetime | None) -> None:
    """NotPossible where `at` (aware) is not a minute in the future, or there is none."""
    if at is None or at < timezone.now() + SOONEST:
        raise NotPossible("A lockdown lies at least a minute in the future: Ona refuses past times.")


def clear_lockdown(*, environment: Environment, **asked: Unpack[Asked]) -> Operation:
    """UpdateEnvironment.metadata.lockdownAt, the epoch: the environment has no lockdown any more."""
    return _metadata(environment, registry.CLEAR_LOCKDOWN, {"lockdownAt": EPOCH}, lockdown, asked, {"lockdownAt": None})


def lockdown(environment: Environment) -> dict[str, Any]:
    """When it is locked down; None where never."""
    return {"lockdownAt": environment.lockdown_at}


def _metadata(
    environment: Environment,
    action: registry.Action,
    metadata: Mapping[str, Any],
    before: Callable[[Environment], Mapping[str, Any]],
    asked: Asked,
    after: Mapping[str, Any] | None = None,
) -> Operation:
    sent = plain(metadata)
    change = Change(
        action,
        lambda ona: ona.update_environment(environment.pk, metadata=sent),
        {"environmentId": environment.pk, "metadata": sent},
        before,
        after or metadata,
    )
    return perform(environment, change, asked)
