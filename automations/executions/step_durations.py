"""How long the steps of an execution ran. Ona does not tell when a step began or ended: only what was seen counts.

The sync notes each change of a step's phase as a transition (field "step:<id>"), which happened between two sightings.
So a duration lies between two bounds, and is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from automations.environment_tab.event_labels import STEP
from automations.models import SETTLED, ExecutionPhase, TaskExecution, Transition
from portal.web.formatting import duration_words

AT_MOST_APART = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Something happened after one moment (None: not known) and by another."""

    after: datetime | None
    by: datetime


@dataclass(frozen=True, slots=True)
class Spell:
    """When a step began and ended, as far as that was seen."""

    began: Window | None = None
    ended: Window | None = None

    @property
    def took(self) -> str:
        """ "12 s", "10 s to 14 s" or "at most 4 s"; empty if not ended or if the start is unknown."""
        if self.began is None or self.ended is None or self.began.after is None:
            return ""
        longest = max(self.ended.by - self.began.after, timedelta(0))
        shortest = max((self.ended.after or self.began.by) - self.began.by, timedelta(0))
        if longest - shortest < AT_MOST_APART:
            return duration_words(longest)
        if shortest < AT_MOST_APART:
            return f"at most {duration_words(longest)}"
        low, high = duration_words(shortest), duration_words(longest)
        return low if low == high else f"{low} to {high}"


def spells_of(execution: TaskExecution, transitions: Iterable[Transition]) -> dict[str, Spell]:
    """By id of step; `transitions` are those of its steps, in the order in which they were seen.

    No step begins before its execution does, and none ends after it: Ona tells those two moments, by its own clock, so
    they count only where they lie between the sightings.
    """
    began: dict[str, Window] = {}
    ended: dict[str, Window] = {}
    for transition in transitions:
        id_ = transition.field.removeprefix(STEP)
        window = Window(transition.old_seen_at, transition.seen_at)
        if transition.old == ExecutionPhase.RUNNING and id_ not in began:
            began[id_] = Window(execution.started_at, execution.first_seen_at)  # it ran when it was first observed
        if transition.new and id_ not in began:
            began[id_] = Window(_within(window, execution.started_at) or window.after, window.by)
        if transition.new in SETTLED:
            ended[id_] = Window(window.after, _within(window, execution.completed_at) or window.by)
    return {id_: Spell(window, ended.get(id_)) for id_, window in began.items()}


def _within(window: Window, moment: datetime | None) -> datetime | None:
    is_within = moment is not None and (window.after is None or window.after <= moment) and moment <= window.by
    return moment if is_within else None
