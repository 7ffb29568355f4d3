"""What is recorded of environments over time, and what is stored as of now alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.db.models import Q

from environments.as_of import clock
from environments.models import Field
from environments.models.flags import FLAGS

# Told by transitions.
TEXTS = (Field.PHASE, Field.MACHINE, Field.CONTENT, Field.DEVCONTAINER, Field.AUTOMATIONS, Field.FAILURE)
TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)
# Told by the specification that was in force then, by column.
SPECIFIED = {
    "spec_version": "v.spec_version",
    "desired_phase": "coalesce(v.spec ->> 'desiredPhase', '')",
    "never_stops": "coalesce(v.spec -> 'timeout' ->> 'disconnected', '') ~ '^0+(\\.0+)?s$'",
    "open_to_everyone": """jsonb_path_exists(v.spec, '$.ports[*] ? (@.admission == "ADMISSION_LEVEL_EVERYONE")')""",
}
# A past time cannot be searched by what git and runners report: no history of it is stored. Names, owners, projects and
# classes are as of now too, but seldom change; pages say so.
OF_NOW = frozenset(
    ("unpushed_commits", "changed_files", "runner_spec_version", "devcontainer_in_sync", "shared_ports",
     *(flag.column for flag in FLAGS.values() if not flag.is_recorded))
)  # fmt: skip


def only(read: Callable[[str], Q]) -> Callable[[str], Q]:
    """A reader of a search's value that refuses, by ValueError, what is not recorded for the time asked about."""

    def recorded(text: str) -> Q:
        condition = read(text)
        if not is_recorded(condition):
            raise ValueError(f"{text.lower()} cannot be told of a past moment; it is known as of now")
        return condition

    return recorded


def answerable(conditions: Mapping[str, Q]) -> dict[str, Q]:
    """Those of the conditions that can be asked about the time asked about."""
    return {name: condition for name, condition in conditions.items() if is_recorded(condition)}


def is_recorded(condition: Q) -> bool:
    return not clock.is_rebuilt() or OF_NOW.isdisjoint(condition.referenced_base_fields)
