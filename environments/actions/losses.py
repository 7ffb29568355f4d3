"""What stopping, archiving or deleting environments would lose, from what is known; unknown counts as unsafe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from environments.models import Environment
from environments.policies.unpushed_work import amounts
from portal.web.formatting import ago_words, stands_for_none


@dataclass(frozen=True, slots=True)
class Loss:
    """One line: `tone` is red for what would be lost, amber for what is unknown, gray where nothing would be."""

    tone: str
    text: str


# Other apps add what they know: functions from environments to the losses of each (see automations.registration).
SOURCES: list[Callable[[Sequence[Environment]], Mapping[UUID, list[Loss]]]] = []
COLUMNS = ("branch", "unpushed_commits", "changed_files")  # that `risks` reads


def losses(environment: Environment, now: datetime) -> list[Loss]:
    """Git state, running work, last use, and how old that knowledge is."""
    return [*_work([environment])[environment.pk], _use(environment, now), _age(environment, now)]


def risks(environments: Sequence[Environment]) -> dict[UUID, list[Loss]]:
    """Of each, what would be lost and what is unknown; as many queries for many as for one."""
    work = _work(environments)
    return {pk: [loss for loss in found if loss.tone != "gray"] for pk, found in work.items()}


def _work(environments: Sequence[Environment]) -> dict[UUID, list[Loss]]:
    found = {environment.pk: [_git(environment)] for environment in environments}
    for source in SOURCES:
        for pk, more in source(environments).items():
            found[pk] += more
    return found


def _git(environment: Environment) -> Loss:
    if environment.unpushed_commits is None or environment.changed_files is None:
        return Loss("amber", "Unpushed work is unknown; assume there is some.")
    if not environment.unpushed_commits and not environment.changed_files:
        return Loss("gray", "No unpushed commits and no changed files were reported.")
    branch = f" on {environment.branch}" if environment.branch else ""
    return Loss("red", f"{' and '.join(amounts(environment))}{branch}.")


def _use(environment: Environment, now: datetime) -> Loss:
    if environment.active_at is None or stands_for_none(environment.active_at):
        return Loss("amber", "When it was last used is unknown.")
    source = (environment.status.get("activitySignal") or {}).get("source", "")
    by = f", by {source}" if isinstance(source, str) and source else ""
    return Loss("gray", f"Last used {ago_words(environment.active_at, now)}{by}.")


def _age(environment: Environment, now: datetime) -> Loss:
    sighting = getattr(environment, "sighting", None)
    if sighting is None:
        return Loss("amber", "When this was last confirmed is unknown.")
    return Loss("gray", f"All of this was last confirmed by Ona {ago_words(sighting.seen_at, now)}.")
