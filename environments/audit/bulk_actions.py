"""What an audit offers to do in many of its environments at once: it leads to the plan of a batch.

Deleting is not offered: it cannot be undone, so it stays one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from environments.actions import registry
from environments.actions.menu import NOT_ALLOWED, Actor
from environments.actions.registry import Action
from environments.audit.query import AuditState
from environments.audit.rows import FITTING

# the actions that a button of one environment stands for, with their words
TOGETHER: Mapping[str, tuple[tuple[Action, str], ...]] = {
    "stop": ((registry.STOP, "Stop"),),
    "start": ((registry.START, "Start"),),
    "lockdown": ((registry.LOCKDOWN, "Set lockdown"), (registry.CLEAR_LOCKDOWN, "Clear lockdown")),
    "archive": ((registry.ARCHIVE, "Archive"),),
    "unarchive": ((registry.UNARCHIVE, "Unarchive"),),
}
RUN, START_TASK = "automations.run_task", "task.start"  # of an app that this one does not know


@dataclass(frozen=True, slots=True)
class Offer:
    """An action by its name; `why_not` says in words why it is disabled, or is empty."""

    action: str
    label: str
    why_not: str


def offers(asked: AuditState, user: Actor | None) -> list[Offer]:
    """What fits the statuses that are shown, and to run a task; nothing where nobody acts, or nothing is allowed."""
    if user is None:
        return []
    slug = asked.audit.slug
    shown = asked.statuses or tuple(asked.audit.statuses)
    fitting = {name for status in shown for name in FITTING.get((slug, status), ())}
    wanted = [
        (action.name, label, action.permission)
        for name, actions in TOGETHER.items()
        if name in fitting
        for action, label in actions
    ]
    found = [
        Offer(name, label, "" if user.has_perm(permission) else NOT_ALLOWED)
        for name, label, permission in (*wanted, (START_TASK, "Run a task", RUN))
    ]
    return found if any(not offer.why_not for offer in found) else []
