"""What is recorded of environments over time, and what is stored as of now alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.db.models import Case, Q, TextField, Value, When
from django.db.models.expressions import Combinable

from environments.as_of import clock
from environments.models import Field
from portal.directory import standing

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
    ("unpushed_commits", "changed_files", "unpushed_work", "runner_spec_version", "devcontainer_in_sync",
     "not_in_sync", "shared_ports", "timeout")
)  # fmt: skip


def only(read: Callable[[str], Q]) -> Callable[[str], Q]:
    """A reader of a search's value that refuses, by ValueError, what is not recorded for the time asked about."""

    def recorded(text: str) -> Q:
        condition = read(text)
        if not is_recorded(condition):
            raise _unrecorded(text)
        return condition

    return recorded


def only_now(read: Callable[[str], Q]) -> Callable[[str], Q]:
    """A reader of what the directory says, which has no history: refuses past times."""

    def of_now(text: str) -> Q:
        if clock.is_rebuilt():
            raise _unrecorded(text)
        return read(text)

    return of_now


def standings(ids: Iterable[UUID | None]) -> Mapping[UUID, str]:
    """Of these entries of the directory those that are not in order; of a past time that is unknown."""
    return {} if clock.is_rebuilt() else standing.standings(ids)


def mark(kind: str) -> Combinable:
    """What is not in order with an entry of the directory, as it stands behind its name; empty in the past."""
    words = {} if clock.is_rebuilt() else standing.words_of(kind)
    whens = [When(each.condition, then=Value(f" ({word})")) for word, each in words.items()]
    return Case(*whens, default=Value(""), output_field=TextField()) if whens else Value("", output_field=TextField())


def _unrecorded(text: str) -> ValueError:
    return ValueError(f"{text.lower()} is not recorded over time; it is available as of now")


def answerable(conditions: Mapping[str, Q]) -> dict[str, Q]:
    """Those of the conditions that can be asked about the time asked about."""
    return {name: condition for name, condition in conditions.items() if is_recorded(condition)}


def is_recorded(condition: Q) -> bool:
    return not clock.is_rebuilt() or OF_NOW.isdisjoint(condition.referenced_base_fields)
