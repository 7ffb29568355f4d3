"""Start, stop, keep awake, archive, unarchive, delete (EnvironmentService).

Each function returns its operation, which says how it ended; see `environments.actions.execute` for what is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Unpack

from django.utils import timezone

from environments.actions.error_messages import not_started
from environments.actions.execute import change_environment, version
from environments.actions.forms.lifecycle import DeleteForm
from environments.actions.losses import losses
from environments.actions.reconcile import by_absence, by_state
from environments.actions.registry import CHANGE, GONE, OPERATE, Action, Danger, Inverse, Many, unless_deleted
from environments.models import Environment, Phase
from environments.policies.lockdown import prevents_start
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext
from portal.ona import OnaClient

UP = (Phase.CREATING, Phase.STARTING, Phase.RUNNING, Phase.UPDATING)


def start_environment(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """StartEnvironment: Ona answers before it runs."""
    return _phase(START, environment, Phase.RUNNING, lambda ona: ona.start_environment(environment.pk), context)


def stop_environment(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """StopEnvironment: Ona answers before it has stopped."""
    return _phase(STOP, environment, Phase.STOPPED, lambda ona: ona.stop_environment(environment.pk), context)


def delete_environment(
    *, environment: Environment, force: bool = False, **context: Unpack[RequestContext]
) -> Operation:
    """DeleteEnvironment, for ever; `force` skips the graceful stop and can lose data."""

    def call(ona: OnaClient) -> None:
        ona.delete_environment(environment.pk, force=force)

    action, request = (FORCE_DELETE, {"force": True}) if force else (DELETE, {})
    return _phase(action, environment, Phase.DELETED, call, context, request)


def _phase(
    action: Action,
    environment: Environment,
    desired: Phase,
    call: Callable[[OnaClient], None],
    context: RequestContext,
    request: Mapping[str, Any] | None = None,
) -> Operation:
    """A change of the phase that is wanted, which raises the specification's version."""
    request = {"environmentId": environment.pk, **(request or {})}
    after = {"desiredPhase": desired}
    return change_environment(action, environment, call, context, request=request, values=phases, after=after)


def phases(environment: Environment) -> dict[str, Any]:
    """What it is, what it shall be, the version that every change of that should raise, and when it was started."""
    return {
        "phase": environment.phase,
        "desiredPhase": environment.desired_phase,
        "specVersion": version(environment),
        "lastStartedAt": environment.last_started_at,
    }


def archive_environment(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """ArchiveEnvironment, which stops a running one first."""
    return change_environment(
        ARCHIVE, environment, lambda ona: ona.archive_environment(environment.pk), context,
        values=archived, after={"archived": True},
    )  # fmt: skip


def unarchive_environment(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """UnarchiveEnvironment: it comes back stopped."""
    return change_environment(
        UNARCHIVE, environment, lambda ona: ona.unarchive_environment(environment.pk), context,
        values=archived, after={"archived": False},
    )  # fmt: skip


def archived(environment: Environment) -> dict[str, Any]:
    """Whether it is archived."""
    return {"archived": environment.archived_at is not None, "phase": environment.phase}


def mark_environment_active(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """MarkEnvironmentActive: puts off the stop for inactivity; source and time show on the environment."""
    source, now = f"Environment Portal: {context['actor'].get_username()}"[:80], timezone.now()
    signal = {"activitySignal": {"source": source, "timestamp": now}}
    return change_environment(
        KEEP_AWAKE, environment,
        lambda ona: ona.mark_environment_active(environment.pk, source=source, timestamp=now), context,
        request={"environmentId": environment.pk} | signal, values=activity, after=signal,
    )  # fmt: skip


def activity(environment: Environment) -> dict[str, Any]:
    """The newest sign of use that Ona keeps."""
    signal = environment.status.get("activitySignal") or {}
    return {"activitySignal": {"source": signal.get("source", ""), "timestamp": environment.active_at}}


# Why it cannot be done now, in words.


def _cannot_start(environment: Environment, organization: Organization | None, now: datetime) -> str:
    if why := unless_deleted(environment, organization, now):
        return why
    if environment.archived_at:
        return "It is archived. Unarchive it first."
    if environment.phase in UP and environment.desired_phase != Phase.STOPPED:
        return "It is already running or starting."
    is_strict = organization is not None and organization.maximum_environment_lifetime_strict
    if prevents_start(environment.lockdown_at, is_strict=is_strict, now=now):
        return "It is locked down and the organization's policy is strict. Move or clear its lockdown first."
    return ""


def _cannot_stop(environment: Environment, organization: Organization | None, now: datetime) -> str:
    is_up = environment.phase in UP
    return unless_deleted(environment, organization, now) or ("" if is_up else "It is not running.")


def only_running(environment: Environment, organization: Organization | None, now: datetime) -> str:
    """Possible while it runs."""
    is_running = environment.phase == Phase.RUNNING
    return unless_deleted(environment, organization, now) or ("" if is_running else "It is not running.")


def _cannot_archive(environment: Environment, organization: Organization | None, now: datetime) -> str:
    is_archived = environment.archived_at is not None
    return unless_deleted(environment, organization, now) or ("It is already archived." if is_archived else "")


def _cannot_unarchive(environment: Environment, organization: Organization | None, now: datetime) -> str:
    is_archived = environment.archived_at is not None
    return unless_deleted(environment, organization, now) or ("" if is_archived else "It is not archived.")


def _cannot_force_delete(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return GONE if environment.gone_at else ""


_by_phase = by_state(phases, "specVersion")
STOP = Action(
    name="environment.stop",
    label="Stop",
    past="stopped",
    in_ledger="stop environment",
    permission=OPERATE,
    do=stop_environment,
    slug="stop",
    tells_owner=True,
    explanation="Everything that runs in it ends: editors, terminals, tasks and services. Files on its disk stay "
    "for the next start.",
    danger=Danger.LOSS,
    losses=losses,
    impossible=_cannot_stop,
    menu=2,
    fits=frozenset({"lockdown.running", "archive.active"}),
    many=Many("Stop", inverse=Inverse("environment.start")),
    followed=lambda environment, _: environment.phase == Phase.STOPPED,
    supersedes="phase",
    proof=_by_phase,
)
START = Action(
    name="environment.start",
    label="Start",
    past="started",
    in_ledger="start environment",
    permission=OPERATE,
    do=start_environment,
    slug="start",
    explanation="It starts with the content it was stopped with, and runs until it is stopped or its timeout passes.",
    impossible=_cannot_start,
    menu=1,
    fits=frozenset({"archive.due"}),
    many=Many("Start", inverse=Inverse("environment.stop")),
    followed=lambda environment, _: environment.phase == Phase.RUNNING,
    patience=timedelta(minutes=10),
    supersedes="phase",
    proof=_by_phase,
    explain=not_started,
)
RESTART = replace(
    STOP,
    name="environment.restart",
    label="Restart",
    past="restarted",
    in_ledger="restart environment",
    slug="",
    menu=0,
    fits=frozenset(),
    many=Many("Restart", steps=(STOP, START)),
)
KEEP_AWAKE = Action(
    name="environment.mark_active",
    label="Keep awake",
    past="kept awake",
    in_ledger="keep environment awake",
    permission=OPERATE,
    do=mark_environment_active,
    slug="keep-awake",
    explanation="Ona records activity now, as if somebody worked in it: its inactivity timeout starts again. The "
    "page then shows the portal and your name as its source.",
    impossible=only_running,
    menu=10,
    many=Many("Keep awake"),
    proof=by_state(activity),
)
ARCHIVE = Action(
    name="environment.archive",
    label="Archive",
    past="archived",
    in_ledger="archive environment",
    permission=CHANGE,
    do=archive_environment,
    slug="archive",
    tells_owner=True,
    explanation="It is stopped first if it runs, and has to be unarchived before it can be started again. Where the "
    "organization's policy says so, archived environments are deleted after a while.",
    danger=Danger.LOSS,
    losses=losses,
    impossible=_cannot_archive,
    menu=60,
    fits=frozenset({"lockdown.past", "archive.overdue", "archive.due", "archive.active", "archive.unknown"}),
    many=Many("Archive", inverse=Inverse("environment.unarchive")),
    followed=lambda environment, _: environment.archived_at is not None and environment.phase not in UP,
    supersedes="phase",
    proof=by_state(archived),
)
UNARCHIVE = Action(
    name="environment.unarchive",
    label="Unarchive",
    past="unarchived",
    in_ledger="unarchive environment",
    permission=CHANGE,
    do=unarchive_environment,
    slug="unarchive",
    explanation="It is stopped, as when it was archived, and can be started again.",
    impossible=_cannot_unarchive,
    menu=70,
    fits=frozenset({"archive.overdue", "archive.deletion", "archive.archived"}),
    many=Many("Unarchive", inverse=Inverse("environment.archive")),
    followed=lambda environment, _: environment.archived_at is None,
    supersedes="phase",
    proof=by_state(archived),
)
DELETE = Action(
    name="environment.delete",
    label="Delete",
    past="deleted",
    in_ledger="delete environment",
    permission="environments.delete_environment",
    do=delete_environment,
    slug="delete",
    tells_owner=True,
    explanation="This permanently deletes the environment. It cannot be restored, not even by Ona.",
    form=DeleteForm,
    danger=Danger.TYPED_NAME,
    losses=losses,
    button="Delete permanently",
    menu=80,
    fits=frozenset({"archive.overdue", "archive.deletion", "archive.archived"}),
    many=Many("Delete", is_delayed=True),
    followed=lambda environment, _: environment.gone_at is not None or environment.phase == Phase.DELETED,
    patience=timedelta(minutes=5),
    supersedes="phase",
    proof=by_absence(_by_phase),
)
FORCE_DELETE = replace(
    DELETE,
    name="environment.force_delete",
    label="Force delete",
    past="deleted by force",
    in_ledger="delete environment by force",
    slug="",
    menu=0,
    fits=frozenset(),
    many=None,
    impossible=_cannot_force_delete,
)
ACTIONS = (
    STOP, START, RESTART, KEEP_AWAKE, ARCHIVE, UNARCHIVE, DELETE, FORCE_DELETE,
)  # fmt: skip
