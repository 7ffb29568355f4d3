"""What stopping, archiving or deleting an environment would lose, from what is known; unknown counts as unsafe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from environments import detail
from environments.facts import Document
from environments.models import Environment
from portal.web.words import ago_words


@dataclass(frozen=True, slots=True)
class Loss:
    """One line: `tone` is red for what would be lost, amber for what is unknown, gray where nothing would be."""

    tone: str
    text: str


# Other apps add what they know: functions from an environment to its losses (see automations.apps).
SOURCES: list[Callable[[Environment], list[Loss]]] = []


def losses(environment: Environment, now: datetime) -> list[Loss]:
    """Git state, running work, last use, and how old that knowledge is."""
    found = [_git(environment), *(loss for source in SOURCES for loss in source(environment))]
    return [*found, _use(environment, now), _age(environment, now)]


def _git(environment: Environment) -> Loss:
    git = detail.git(Document(environment))
    if not git.known or git.total_commits is None or git.total_changes is None:
        return Loss("amber", "Whether work is unpushed is unknown: Ona tells nothing of Git here. Take it as unsafe.")
    if not git.total_commits and not git.total_changes:
        return Loss("gray", "No unpushed commits and no changed files were reported.")
    commits, changes = _count(git.total_commits, "unpushed commit"), _count(git.total_changes, "changed file")
    branch = f" on {environment.branch}" if environment.branch else ""
    return Loss("red", f"{commits} and {changes}{branch}.")


def _use(environment: Environment, now: datetime) -> Loss:
    if environment.active_at is None:
        return Loss("amber", "When it was last used is unknown.")
    source = (environment.status.get("activitySignal") or {}).get("source", "")
    by = f", by {source}" if isinstance(source, str) and source else ""
    return Loss("gray", f"Last used {ago_words(environment.active_at, now)}{by}.")


def _age(environment: Environment, now: datetime) -> Loss:
    sighting = getattr(environment, "sighting", None)
    if sighting is None:
        return Loss("amber", "When this was last confirmed is unknown.")
    return Loss("gray", f"All of this was last confirmed by Ona {ago_words(sighting.seen_at, now)}.")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
