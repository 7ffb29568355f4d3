"""The conditions that the overview counts, each defined by its search (`environments.list.search_keys`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from environments.as_of import clock
from environments.list import search_keys
from environments.models.flags import FLAGS, Flag


@dataclass(frozen=True, slots=True)
class Condition:
    """`query` is the search in the list. `weight` ranks what needs attention, highest first; 0: only counted. `remedy`
    is the action, by name, whose batch is offered beside it."""

    name: str
    label: str
    query: str
    weight: int = 0
    tone: str = "gray"
    means: str = ""
    remedy: str = ""

    def as_of(self, at: datetime) -> Q:
        """The condition with durations counted from `at`."""
        with clock.set_to(at):
            return search_keys.SEARCH.parse(self.query).asks


def _of(flag: Flag) -> Condition:
    return Condition(flag.word, flag.counted, f"is:{flag.word}", flag.weight, flag.tone, flag.means, flag.remedy)


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("total", "in all", ""),
        Condition("archived", "archived", "is:archived"),
        *(_of(flag) for flag in FLAGS.values()),
        Condition("locked-down", "locked down", "lockdown:past"),
        Condition(
            "past-running", "locked down and still running", "lockdown:past phase:running", 90, "red",
            "Running despite the maximum lifetime.", "environment.stop",
        ),
        Condition(
            "deletion", "to be deleted within 3 days with unpushed work", "deletion:<3d is:unpushed", 85, "red",
            "Will be deleted by policy, including unpushed work.", "environment.unarchive",
        ),
        Condition(
            "deletion-7d", "to be deleted within 7 days with unpushed work", "deletion:<7d is:unpushed", 36, "amber",
            "Including those of the next 3 days. There is time to tell their owners.", "environment.unarchive",
        ),
        Condition(
            "lockdown-24h", "locking down within 24 hours", "lockdown:<24h is:active", 70, "amber",
            "Their owners may want more time.", "environment.set_lockdown",
        ),
        Condition(
            "unacknowledged", "not acknowledged by their runner", "is:unacknowledged", 60, "amber",
            "The runner has not acknowledged what was requested.",
        ),
        Condition(
            "runner-deleted", "on a runner that was deleted", "runner:deleted is:active", 55, "amber",
            "They cannot be started any more.", "environment.archive",
        ),
        Condition(
            "runner-degraded", "running on a degraded runner", "runner:degraded phase:running", 52, "amber",
            "The runner reports a problem that may affect them.",
        ),
        Condition(
            "secrets", "running with secrets not in sync", "is:secrets-not-in-sync", 50, "amber",
            "They still use old values of secrets.", "environment.restart",
        ),
        Condition(
            "owner-away", "running for an owner who left or is suspended", "owner:left,suspended phase:running", 45,
            "amber", "Nobody is left to use or stop them.", "environment.stop",
        ),
        Condition(
            "idle", "running without use for more than a day", "phase:running idle:>1d", 40, "amber",
            "They cost money, and nobody uses them.", "environment.stop",
        ),
        Condition(
            "never-stop-running", "running that never stop", "phase:running is:never-stops", 30, "amber",
            "Their timeout is off.", "environment.edit_timeout",
        ),
        Condition(
            "lockdown-7d", "locking down within 7 days", "lockdown:<7d is:active", 20, "blue",
            "Including those of the next 24 hours.", "environment.set_lockdown",
        ),
        Condition(
            "owner-left", "not archived, of an owner who left or is suspended", "owner:left,suspended is:active", 10,
            "blue", "Including running ones. Hand over what is needed, and archive the rest.", "environment.archive",
        ),
        Condition(
            "project-deleted", "not archived, of a deleted project", "project:deleted is:active", 8, "blue",
            "The project's configuration no longer changes.", "environment.archive",
        ),
    )
}  # fmt: skip
# Not in any index of the list: counted by a query of its own.
RARE = ("unacknowledged", "secrets")
