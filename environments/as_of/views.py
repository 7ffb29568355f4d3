"""Environments and their stops as of a time: views of the schema `past` that stand before the tables of now.

They bear the tables' names. Within `in_front_of_now` the schema is the first of the search path, so that every query
finds them; the time is a setting of the transaction. What ranges (`environments.models.Past`) do not tell is as now.
The views are made anew after each migration, which could not change the columns they show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import GeneratedField

from environments.as_of.recorded import SPECIFIED, TEXTS, TIMES
from environments.models import Environment, Field

# As it is, the planner knows how many ranges hold then; as a query of its own it is read once, not for each row.
KNOWN_AT = "current_setting('portal.as_of')::timestamptz"
AT = f"(SELECT {KNOWN_AT})"
USES = ("active_at", "last_started_at", "last_used_at")
VALUES: dict[str, str] = {
    **{name: f"coalesce(p.{name}, e.{name})" for name in (*(field.value for field in TEXTS), *SPECIFIED)},
    **{
        name: f"CASE WHEN p.id IS NULL THEN e.{name} ELSE p.{name} END"
        for name in (*(field.value for field in TIMES), Field.SECRETS.value)
    },
    "has_failure": f"coalesce(p.{Field.FAILURE.value}, e.{Field.FAILURE.value}) <> ''",
    **{name: f"CASE WHEN e.{name} <= {AT} THEN e.{name} END" for name in USES},
}
HELD = f"""
    LEFT JOIN public.environments_past p
        ON p.environment_id = {{id}} AND p.valid_from <= {KNOWN_AT} AND p.valid_until > {KNOWN_AT}"""
# The text that is searched has the failures of then. Stops are all found at once (OFFSET): the planner takes all but a
# few environments for deleted, and would look for the stop of each, and the range that tells it, apart.
MAKE = f"""
CREATE SCHEMA IF NOT EXISTS past;
DROP VIEW IF EXISTS past.environments_environment, past.environments_stop;
CREATE VIEW past.environments_environment AS
    SELECT {{columns}}, {{search}} AS search FROM (
        SELECT {{values}} FROM public.environments_environment e {HELD.format(id="e.id")}
        WHERE e.first_seen_at <= {AT}
    ) AS known;
CREATE VIEW past.environments_stop AS
    SELECT s.environment_id,
        CASE WHEN s.seen_at <= {AT} THEN s.old_seen_at ELSE p.stop_old_seen_at END AS old_seen_at,
        CASE WHEN s.seen_at <= {AT} THEN s.seen_at ELSE p.stop_seen_at END AS seen_at
    FROM public.environments_stop s {HELD.format(id="s.environment_id")}
    OFFSET 0
"""  # noqa: S608 (constants)
DROP = "DROP SCHEMA IF EXISTS past CASCADE"
# Where the views are missing (while a migration runs) this fails, rather than let the tables of now answer.
ENTER = """
    SELECT set_config('portal.as_of', %s, true), set_config('search_path', %s, true),
        'past.environments_environment'::regclass, 'past.environments_stop'::regclass
"""
SETTINGS = "SELECT coalesce(current_setting('portal.as_of', true), ''), current_setting('search_path')"
# Joining and sorting in memory, and without compiling the statement first, is several times quicker.
QUICK = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"


@contextmanager
def in_front_of_now(at: datetime) -> Iterator[None]:
    """Within, every query on environments and their stops reads them as they were known at `at`.

    Where it fails, the transaction takes its settings back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(QUICK)
        cursor.execute(SETTINGS)
        before = cursor.fetchone()
        path = before[1].removeprefix("past, ")
        cursor.execute(ENTER, [at.isoformat(), f"past, {path}"])
        yield
        cursor.execute(ENTER, before)


def make(**_of: Any) -> None:
    """After migrations."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_made())


def drop(*, plan: list[Any], **_of: Any) -> None:
    """Before migrations, if there are any."""
    if plan:
        with connection.cursor() as cursor:
            cursor.execute(DROP)


def _made() -> str:
    names = [field.column for field in Environment._meta.concrete_fields if field.column and field.column != "search"]
    values = (f"{VALUES.get(name, f'e.{name}')} AS {name}" for name in names)
    return MAKE.format(columns=", ".join(names), values=", ".join(values), search=_generated("search"))


def _generated(name: str) -> str:
    """A generated column's expression."""
    field, operations = cast(GeneratedField, Environment._meta.get_field(name)), cast(Any, connection.ops)
    statement, values = field.generated_sql(connection)
    return str(operations.compose_sql(statement, values))
