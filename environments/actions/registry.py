"""What can be done: the permission it takes, when it is possible, and how to tell that Ona followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from environments.models import Environment, Phase
from environments.policies.lockdown import prevents_start
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ona import OnaClient

OPERATE = "environments.operate_environment"
CHANGE = "environments.change_environment"
DELETE = "environments.delete_environment"
MINT = "environments.mint_environment_token"
UP = (Phase.CREATING, Phase.STARTING, Phase.RUNNING, Phase.UPDATING)


class Verdict(Enum):
    """What Ona's state says about a call whose answer was never read."""

    DONE = "done"
    NOT_DONE = "not done"
    UNPROVEN = "unproven"


Proof = Callable[[OnaClient, Operation], Verdict]
# for what has no row before: the verdict, and columns that name what was found
Search = Callable[[OnaClient, Operation], tuple[Verdict, Mapping[str, Any]]]
Impossible = Callable[[Environment, Organization | None, datetime], str]
Followed = Callable[[Environment, Operation], bool]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be asked for.

    `impossible` says in words why it cannot be done now, or nothing. `followed` tells whether Ona has come to what was
    asked for; without one, its answer is the end of it. `supersedes` names a group: the newest of it is what counts.
    """

    name: str
    label: str
    permission: str
    impossible: Impossible
    done: str = ""
    needs_reason: bool = False
    loses_work: bool = False
    followed: Followed | None = None
    patience: timedelta = timedelta(minutes=3)
    supersedes: str = ""


def _gone(environment: Environment) -> str:
    if environment.gone_at:
        return "It is gone: Ona confirmed that it was deleted."
    if environment.phase in (Phase.DELETING, Phase.DELETED) or environment.desired_phase == Phase.DELETED:
        return "It is being deleted."
    return ""


def unless_gone(environment: Environment, organization: Organization | None, now: datetime) -> str:
    """Possible as long as the environment exists."""
    return _gone(environment)


def _cannot_start(environment: Environment, organization: Organization | None, now: datetime) -> str:
    if why := _gone(environment):
        return why
    if environment.archived_at:
        return "It is archived. Unarchive it first."
    if environment.phase in UP and environment.desired_phase != Phase.STOPPED:
        return "It is running already, or on its way."
    is_strict = organization is not None and organization.maximum_environment_lifetime_strict
    if prevents_start(environment.lockdown_at, is_strict=is_strict, now=now):
        return "It is locked down and the organization's policy is strict. Move or clear its lockdown first."
    return ""


def _cannot_stop(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment) or ("" if environment.phase in UP else "It is not running.")


def _only_running(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment) or ("" if environment.phase == Phase.RUNNING else "It is not running.")


def _cannot_archive(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment) or ("It is archived already." if environment.archived_at else "")


def _cannot_unarchive(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment) or ("" if environment.archived_at else "It is not archived.")


def _cannot_clear_lockdown(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment) or ("" if environment.lockdown_at else "It has no lockdown.")


def _cannot_delete(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return _gone(environment)


def _cannot_force_delete(environment: Environment, organization: Organization | None, now: datetime) -> str:
    return "It is gone: Ona confirmed that it was deleted." if environment.gone_at else ""


START = Action(
    "environment.start", "Start", OPERATE, _cannot_start, "started",
    followed=lambda environment, _: environment.phase == Phase.RUNNING,
    patience=timedelta(minutes=10), supersedes="phase",
)  # fmt: skip
STOP = Action(
    "environment.stop", "Stop", OPERATE, _cannot_stop, "stopped", needs_reason=True, loses_work=True,
    followed=lambda environment, _: environment.phase == Phase.STOPPED, supersedes="phase",
)  # fmt: skip
KEEP_AWAKE = Action("environment.mark_active", "Keep awake", OPERATE, _only_running, "kept awake")
ARCHIVE = Action(
    "environment.archive", "Archive", CHANGE, _cannot_archive, "archived", needs_reason=True, loses_work=True,
    followed=lambda environment, _: environment.archived_at is not None and environment.phase not in UP,
    supersedes="phase",
)  # fmt: skip
UNARCHIVE = Action(
    "environment.unarchive", "Unarchive", CHANGE, _cannot_unarchive, "unarchived",
    followed=lambda environment, _: environment.archived_at is None, supersedes="phase",
)  # fmt: skip
DELETED = Action(
    "environment.delete", "Delete", DELETE, _cannot_delete, "deleted", needs_reason=True, loses_work=True,
    followed=lambda environment, _: environment.gone_at is not None or environment.phase == Phase.DELETED,
    patience=timedelta(minutes=5), supersedes="phase",
)  # fmt: skip
FORCE_DELETED = Action(
    "environment.force_delete", "Force delete", DELETE, _cannot_force_delete, "deleted by force", needs_reason=True,
    loses_work=True, followed=DELETED.followed, patience=DELETED.patience, supersedes="phase",
)  # fmt: skip
RENAME = Action("environment.rename", "Rename", CHANGE, unless_gone, "renamed")
LOCKDOWN = Action("environment.set_lockdown", "Lockdown", CHANGE, unless_gone, "given another lockdown", True)
CLEAR_LOCKDOWN = Action(
    "environment.clear_lockdown", "Clear lockdown", CHANGE, _cannot_clear_lockdown, "freed of lockdown", True
)
LOGS_TOKEN = Action("environment.create_logs_token", "Logs token", MINT, _only_running, "given a logs token", True)
ACCESS_TOKEN = Action("environment.create_access_token", "Access token", MINT, _only_running, "given a token", True)
CREATE = Action(
    "environment.create", "Create", "environments.add_environment", unless_gone, "created",
    followed=START.followed, patience=START.patience, supersedes="phase",
)  # fmt: skip
CREATE_FROM_PROJECT = Action(
    "environment.create_from_project", "Create from project", CREATE.permission, unless_gone, "created",
    followed=START.followed, patience=START.patience, supersedes="phase",
)  # fmt: skip


def _edit(part: str, label: str, *, needs_reason: bool = False) -> Action:
    return Action(f"environment.edit_{part}", label, CHANGE, unless_gone, f"given other {label.lower()}", needs_reason)


PORTS = _edit("ports", "Ports")
TIMEOUT = _edit("timeout", "Timeout")
GIT = _edit("git", "Git identity")
SSH_KEYS = _edit("ssh_keys", "SSH keys")
DEVCONTAINER = _edit("devcontainer", "Devcontainer")
REBUILD = _edit("devcontainer_session", "Devcontainer, rebuilt", needs_reason=True)
AUTOMATIONS_FILE = _edit("automations_file", "Automations file")
CONTENT = _edit("content_session", "Content, made anew", needs_reason=True)
KERNEL_CONTROLS = _edit("kernel_controls", "Kernel controls", needs_reason=True)

ADD_SECRET = Action("secret.create", "Add secret", "environments.add_secret", unless_gone, "added", True)
UPDATE_SECRET = Action("secret.update_value", "New value", "environments.change_secret", unless_gone, "changed", True)
DELETE_SECRET = Action("secret.delete", "Delete secret", "environments.delete_secret", unless_gone, "deleted", True)

ACTIONS = {
    action.name: action
    for action in (
        START, STOP, KEEP_AWAKE, ARCHIVE, UNARCHIVE, DELETED, FORCE_DELETED, RENAME, LOCKDOWN, CLEAR_LOCKDOWN,
        LOGS_TOKEN, ACCESS_TOKEN, CREATE, CREATE_FROM_PROJECT, PORTS, TIMEOUT, GIT, SSH_KEYS, DEVCONTAINER, REBUILD,
        AUTOMATIONS_FILE, CONTENT, KERNEL_CONTROLS, ADD_SECRET, UPDATE_SECRET, DELETE_SECRET,
    )
}  # fmt: skip
