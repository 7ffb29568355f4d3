"""The flags of environments: what of them deserves a look. Each is a column, so that it can be counted and searched.

The list's filter and marks, the search word `is:`, the counts of the overview, and what can be asked about the past are
derived from these: see docs/lists.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q

from environments.models.environment import Environment


@dataclass(frozen=True, slots=True)
class Flag:
    """`word` is what addresses and the search call it, `label` what pages do. `explain` says why an environment has it.

    `counted` stands after a number of environments on the overview. There `weight` ranks what needs attention, highest
    first, in a tone and with what it means; 0 is only counted. Without `is_recorded` it is stored as of now alone.
    """

    word: str
    column: str
    label: str
    counted: str
    explain: Callable[[Environment], str] = lambda environment: ""
    weight: int = 0
    tone: str = "gray"
    means: str = ""
    is_recorded: bool = True

    @property
    def condition(self) -> Q:
        return Q(**{self.column: True})


def _unpushed(environment: Environment) -> str:
    counts = ((environment.unpushed_commits, "commits not pushed"), (environment.changed_files, "files changed"))
    return ", ".join(f"{'unknown' if number is None else number} {words}" for number, words in counts)


FLAGS = {
    flag.word: flag
    for flag in (
        Flag(
            "failing", "failing", "failing", "failing now", lambda environment: environment.failure, 100, "red",
            "Somebody waits for a machine that does not come up.",
        ),
        Flag("unpushed", "unpushed_work", "unpushed work", "with unpushed work", _unpushed, is_recorded=False),
        Flag(
            "open", "open_to_everyone", "port open to everyone", "with a port open to everyone", weight=80, tone="red",
            means="Whoever has the link gets in, without signing in.",
        ),
        Flag(
            "never-stops", "never_stops", "never stops", "that never stop", weight=30, tone="amber",
            means="No inactivity stops them.",
        ),
        Flag(
            "not-in-sync", "not_in_sync", "not in sync", "not in sync",
            lambda environment: ". ".join(environment.not_in_sync_causes), is_recorded=False,
        ),
    )
}  # fmt: skip
