"""What an audit offers to do in many of its environments at once: it leads to the plan of a batch.

Deleting is not offered: it cannot be undone, so it stays one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from environments.actions.menu import NOT_ALLOWED, Actor
from environments.actions.registry import ACTIONS
from environments.audit.query import AuditState

START_TASK = "task.start"  # of an app that this one does not know


@dataclass(frozen=True, slots=True)
class Offer:
    """An action by its name; `why_not` says in words why it is disabled, or is empty."""

    action: str
    label: str
    why_not: str


def offers(asked: AuditState, user: Actor | None) -> list[Offer]:
    """The actions that fit the statuses shown, and running a task; none if nobody acts or nothing is allowed."""
    if user is None:
        return []
    shown = {f"{asked.audit.slug}.{status}" for status in asked.statuses or asked.audit.statuses}
    wanted = [(action, action.many.words) for action in ACTIONS.values() if action.many and action.fits & shown]
    found = [
        Offer(action.name, label, "" if user.has_perm(action.permission) else NOT_ALLOWED)
        for action, label in (*wanted, (ACTIONS[START_TASK], "Run a task"))
    ]
    return found if any(not offer.why_not for offer in found) else []
