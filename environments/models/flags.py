"""The flags of environments: what of them deserves a look. Each is a condition on columns, for counts and searches.

The list's filter and marks, the search word `is:`, the counts of the overview, exports, and what can be asked about the
past are derived from these: see docs/lists.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from environments.models.environment import Environment, Phase

# Phases in which somebody waits for an environment or works in it.
STARTED = (Phase.CREATING, Phase.STARTING, Phase.RUNNING, Phase.UPDATING)
REACHABLE = (Phase.RUNNING, Phase.UPDATING)
RECENTLY = timedelta(hours=24)  # so long after a start that failed, somebody may still wait for the environment


@dataclass(frozen=True, slots=True)
class Flag:
    """`word` is what addresses and the search call it, `label` what pages do. `condition` is what it asks of rows at a
    time. `explain` says why an environment has it.

    `counted` stands after a number of environments on the overview. There `weight` ranks what needs attention, highest
    first, in a tone and with what it means; 0 is only counted. `remedy` is the action that is offered there, by name.
    """

    word: str
    condition: Callable[[datetime], Q]
    label: str
    counted: str
    explain: Callable[[Environment], str] = lambda environment: ""
    weight: int = 0
    tone: str = "gray"
    means: str = ""
    remedy: str = ""

    @property
    def attribute(self) -> str:
        """Whether a row of `with_flags` has it."""
        return f"is_{self.word.replace('-', '_')}"


def _present(**columns: object) -> Q:
    """Neither deleted nor archived: nobody can start an archived environment before it is unarchived."""
    return Q(gone_at=None, archived_at=None, **columns) & ~Q(phase=Phase.DELETED)


def failing(now: datetime) -> Q:
    """Somebody waits for it: it is up, or on its way, with a failure, or it failed in a start within the last day."""
    since = now - RECENTLY
    recent = Q(last_started_at__gt=since) | Q(last_started_at=None, created_at__gt=since)
    return _present(has_failure=True) & (Q(phase__in=STARTED) | recent)


def failed(now: datetime) -> Q:
    """It failed in its last start, and nobody waits for it any more."""
    since = now - RECENTLY
    unstarted = Q(last_started_at=None) & (Q(created_at__lte=since) | Q(created_at=None))
    return _present(has_failure=True) & ~Q(phase__in=STARTED) & (Q(last_started_at__lte=since) | unstarted)


def exposed(now: datetime) -> Q:
    return _present(open_to_everyone=True, phase__in=REACHABLE)


def would_expose(now: datetime) -> Q:
    return _present(open_to_everyone=True) & ~Q(phase__in=REACHABLE)


def _column(name: str) -> Callable[[datetime], Q]:
    return lambda now: Q(**{name: True})


def _failure(environment: Environment) -> str:
    return environment.failure


def _unpushed(environment: Environment) -> str:
    counts = ((environment.unpushed_commits, "commits not pushed"), (environment.changed_files, "files changed"))
    return ", ".join(f"{'unknown' if number is None else number} {words}" for number, words in counts)


FLAGS = {
    flag.word: flag
    for flag in (
        Flag(
            "failing", failing, "failing", "failing now", _failure, 100, "red",
            "Running or starting with a failure, or failed at a start in the last 24 hours: somebody is waiting.",
            "environment.edit_devcontainer_session",
        ),
        Flag(
            "failed", failed, "failed at last start", "failed at their last start (stopped)", _failure, 5, "gray",
            "Nobody has tried again for a day. They are likely to fail again until the cause is fixed.",
        ),
        Flag("unpushed", _column("unpushed_work"), "unpushed work", "with unpushed work", _unpushed),
        Flag(
            "open", exposed, "port open to everyone", "with a port exposed to everyone now", weight=80, tone="red",
            means="Running: anyone with the link gets in without signing in.", remedy="environment.edit_port_limits",
        ),
        Flag(
            "opens", would_expose, "opens a port to everyone", "would expose a port to everyone when started",
            weight=35, tone="amber", means="Not running now: nothing can be reached until they are started.",
            remedy="environment.edit_port_limits",
        ),
        Flag("never-stops", _column("never_stops"), "never stops", "that never stop"),
        Flag(
            "not-in-sync", _column("not_in_sync"), "not in sync", "not in sync",
            lambda environment: ". ".join(environment.not_in_sync_causes),
        ),
    )
}  # fmt: skip


def with_flags(environments: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """With each flag at `now` as `Flag.attribute`."""
    flags = {
        flag.attribute: ExpressionWrapper(flag.condition(now), output_field=BooleanField()) for flag in FLAGS.values()
    }
    found: QuerySet[Any] = environments.annotate(**flags)
    return found
