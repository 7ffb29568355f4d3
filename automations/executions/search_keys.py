"""The words of the executions' search box, and what each asks of the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils import timezone

from automations.models import UNDER_WAY, ExecutionPhase
from portal.directory.models import Member, Project
from portal.lists import readers
from portal.lists.completion import among, names_among
from portal.lists.folding import contains, folded
from portal.lists.readers import NONE
from portal.lists.search import Key, OneOf, Search, keys, listed, same
from portal.web.enum_labels import TRIGGERS

PREFIX = "TASK_EXECUTION_PHASE_"
PHASES: dict[str, str] = {phase.label: phase.value for phase in ExecutionPhase} | {"unknown": ""}


def compared(text: str) -> tuple[bool, timedelta]:
    return readers.compared(text, "<30s or >10m")


def duration(text: str) -> Q:
    """Executions that took less ("<30s") or longer (">10m"); those under way count as long as they run already."""
    less, span = compared(text)
    if less:
        return Q(duration__lt=span)
    return Q(duration__gt=span) | Q(phase__in=UNDER_WAY, started_at__lt=timezone.now() - span)


def started_by(text: str) -> Q:
    """Executions started by a member whose name contains the text, or by a trigger that is called so."""
    triggers = [name for name, words in TRIGGERS.items() if folded(text) in words]
    return contains(text) & Q(started_by_name__says=text) | Q(started_by__in=triggers)


def _created(text: str) -> Q:
    """ "<7d": less than seven days ago; ">7d": longer ago."""
    less, span = compared(text)
    return Q(**{f"created_at__{'gt' if less else 'lte'}": timezone.now() - span})


def _part_of(*columns: str) -> Callable[[str], Q]:
    """A part of one of the columns, or "none" where all are empty; the index narrows what `search` contains."""

    def read(text: str) -> Q:
        if text.lower() == NONE:
            return Q(**dict.fromkeys(columns, ""))
        found: Q = reduce(or_, (Q(**{f"{column}__says": text}) for column in columns))
        return contains(text) & found

    return read


def _phase(text: str) -> Q:
    """A phase by its word; one that is newer than this list by its name at Ona."""
    raw = text.upper()
    return Q(phase=raw if raw.startswith(PREFIX) else OneOf(PHASES)(text))


SEARCH = Search(
    keys(
        Key("phase", listed(PHASES), "phase:failed,stopped", _phase, among(*PHASES), same("phase")),
        Key("task", "a part of the task's reference or name", "task:build", _part_of("reference", "task_name")),
        Key("env", "a part of the environment's name", "env:otter", _part_of("environment_name")),
        Key(
            "project",
            "a part of the project's name, or none",
            'project:"my proj"',
            _part_of("project_name"),
            names_among(Project, "none"),
        ),
        Key(
            "owner",
            "a part of the name of the environment's owner, or none",
            "owner:ann",
            _part_of("owner_name"),
            names_among(Member, "none"),
        ),
        Key("by", "a part of the name of who started it, or of the trigger", "by:ann", started_by, names_among(Member)),
        Key(
            "created",
            "a time such as <2d or >4w ago",
            "created:<7d",
            _created,
            among("<1d", "<7d", "<30d", ">7d", ">30d"),
            lambda text: ("since", text[1:].lower()) if text.startswith("<") else None,
        ),
        Key(
            "duration",
            "a time such as >10m or <30s",
            "duration:>10m",
            duration,
            among(">1m", ">10m", ">1h", "<30s"),
            same("duration"),
        ),
        Key("failure", "a part of the failure message, or none", "failure:exit", _part_of("failure")),
        Key("id", "an execution's id or its beginning", "id:018f3c", readers.beginning_of_id("an execution")),
    ),
    contains,
    places="tasks, environments, projects, people, failure messages and ids",
    placeholder="Words, or phase:failed task:build created:<7d duration:>10m",
)
