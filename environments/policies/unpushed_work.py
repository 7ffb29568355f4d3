"""How long unpushed work has before it is lost by policy."""

from __future__ import annotations

from datetime import datetime

from environments.models import Environment, Phase
from environments.policies import archiving, deletion
from environments.policies.policy import Policy
from environments.policies.verdict import UNKNOWN_PHASES, Facts
from portal.web.formatting import duration_words


def work_words(row: Environment, facts: Facts, policy: Policy | None, now: datetime) -> str:
    """What is unpushed and how long it has; empty where nothing is. `facts` with since when it is stopped, where the
    policy deletes."""
    if row.unpushed_work is None:
        return "unknown"
    if not row.unpushed_work:
        return ""
    return f"{', '.join(amounts(row, 'commit', 'file'))}: {left_words(facts, policy, now)}"


def amounts(row: Environment, commit: str = "unpushed commit", file: str = "changed file") -> list[str]:
    """How much is unpushed: "3 unpushed commits", "changed files unknown"; nothing of what is zero."""
    pairs = ((row.unpushed_commits, commit), (row.changed_files, file))
    return [
        f"{word}s unknown" if count is None else f"{count:,} {word}{'' if count == 1 else 's'}"
        for count, word in pairs
        if count != 0
    ]


def left_words(facts: Facts, policy: Policy | None, now: datetime) -> str:
    """The time left until the first of what the policies do to it."""
    if facts.is_deleted:
        return "lost"
    if policy is None:
        return "how long is unknown"
    deleted_at, is_known = _deletion(facts, policy)
    times = [at for at in (_lock_in(facts, policy), deleted_at) if at]
    if times and min(times) <= now:
        return "no time left"
    if not times:
        return "no time limit by policy" if is_known else "how long is unknown"
    return f"{'' if is_known else 'at most '}{duration_words(min(times) - now)} left"


def _lock_in(facts: Facts, policy: Policy) -> datetime | None:
    """When nobody can start it any more, so that nobody reaches what is in it."""
    return facts.lockdown_at if policy.strict else None


def _deletion(facts: Facts, policy: Policy) -> tuple[datetime | None, bool]:
    """When it is deleted by policy if nobody touches it, None for never; and whether that is known."""
    if not policy.delete_after or facts.archived_at:
        return deletion.due(facts, policy), True
    if facts.phase in UNKNOWN_PHASES:
        return None, False
    archived = archiving.due(facts, policy)
    return archived and archived + policy.delete_after, facts.phase != Phase.STOPPED or archived is not None
