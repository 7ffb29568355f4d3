"""Environments and their stops as of a time: views of the schema `past` that stand before the tables of now.

They bear the tables' names. Within `in_front_of_now` the schema is the first of the search path, so that every query
finds them; the time is a setting of the transaction. What ranges (`environments.models.Past`) do not tell is as now.
The views are made again after each migration, which could not change the columns they show.
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
from environments.models.past import SPANS, UNBOUNDED

AT = "past.at()"
USES = ("active_at", "last_started_at", "last_used_at")
RECORDED = (*(field.value for field in (*TEXTS, *TIMES, Field.SECRETS)), *SPECIFIED)
VALUES: dict[str, str] = {
    "id": "p.environment_id",
    **{name: f"p.{name}" for name in RECORDED},
    "has_failure": f"p.{Field.FAILURE.value} <> ''",
    **{name: f"CASE WHEN e.{name} <= {AT} THEN e.{name} END" for name in USES},
}
# A range of at most so many hours ends within as many: what is read is not more, the longer ago it is.
HELD = (
    f"p.valid_from <= {AT} AND p.valid_until > {AT} AND (p.span = {UNBOUNDED}"
    + "".join(f" OR p.span = {hours} AND p.valid_until <= {AT} + interval '{hours} h'" for hours in SPANS)
    + ")"
)
# The time is declared immutable so that it is a constant of each query's plan: Postgres then knows how many ranges hold
# at it, and does not read the setting for each of them. No plan is used for another time: see QUICK.
# The text that is searched has the failures of then. Where a query asks for recorded columns alone, Postgres leaves the
# join out.
MAKE = f"""
CREATE SCHEMA IF NOT EXISTS past;
DROP VIEW IF EXISTS past.environments_environment, past.environments_stop;
CREATE OR REPLACE FUNCTION past.at() RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT current_setting('portal.as_of')::timestamptz $$;
CREATE VIEW past.environments_environment AS
    SELECT {{columns}} FROM public.environments_past p
    LEFT JOIN public.environments_environment e ON e.id = p.environment_id
    WHERE {HELD};
CREATE VIEW past.environments_stop AS
    SELECT p.environment_id, p.stop_old_seen_at AS old_seen_at, p.stop_seen_at AS seen_at
    FROM public.environments_past p WHERE {HELD}
"""  # noqa: S608 (constants)
SEARCH = """
    CASE WHEN p.failure = e.failure THEN e.search ELSE (
        SELECT {expression} FROM (SELECT {columns}) AS known
    ) END
"""
DROP = "DROP SCHEMA IF EXISTS past CASCADE"
# Where the views are missing (while a migration runs) this fails, rather than let the tables of now answer.
ENTER = """
    SELECT set_config('portal.as_of', %s, true), set_config('search_path', %s, true),
        'past.environments_environment'::regclass, 'past.environments_stop'::regclass
"""
SETTINGS = "SELECT coalesce(current_setting('portal.as_of', true), ''), current_setting('search_path')"
# Joining and sorting in memory, and without compiling the statement first, is several times quicker.
QUICK = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan"


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
    names = [field.column for field in Environment._meta.concrete_fields if field.column]
    values = {name: VALUES.get(name, f"e.{name}") for name in names}
    columns = ", ".join(f"{value} AS {name}" for name, value in values.items() if name != "search")
    values["search"] = SEARCH.format(expression=_generated("search"), columns=columns)
    return MAKE.format(columns=", ".join(f"{value} AS {name}" for name, value in values.items()))


def _generated(name: str) -> str:
    """A generated column's expression."""
    field, operations = cast(GeneratedField, Environment._meta.get_field(name)), cast(Any, connection.ops)
    statement, values = field.generated_sql(connection)
    return str(operations.compose_sql(statement, values))
