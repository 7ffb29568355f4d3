"""The tables of a past time, each rebuilt in one statement and put before those of now while they are asked for.

The value of a field at a time is the one that the first change after it changed; where none came, it is as now. What
changes tell is sorted once, into a temporary table of the columns that differ from now (VALUES), one row for each
environment that had been seen; the others are read from the environment itself, and only where a query asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import GeneratedField

from environments.as_of.recorded import SPECIFIED, TEXTS, TIMES
from environments.models import Environment, Field, Phase, Stop

USES = ("active_at", "last_started_at", "last_used_at")
# an empty text stands for "absent", which is not the same as "no change came"
PARSED = "CASE WHEN w.{field} IS NULL THEN e.{field} ELSE nullif(w.{field}, '')::{type} END"
VALUES: dict[str, str] = {
    **{field.value: f"coalesce(w.{field.value}, e.{field.value})" for field in TEXTS},
    "has_failure": f"coalesce(w.{Field.FAILURE.value}, e.{Field.FAILURE.value}) <> ''",
    **{field.value: PARSED.format(field=field.value, type="timestamptz") for field in TIMES},
    Field.SECRETS.value: PARSED.format(field=Field.SECRETS.value, type="boolean"),
    **{name: f"coalesce(d.{name}, e.{name})" for name in SPECIFIED},
    **{name: f"CASE WHEN e.{name} <= {{at}} THEN e.{name} END" for name in USES},
    "first_seen_at": "e.first_seen_at",
}
REBUILT = """
WITH later AS (
    SELECT DISTINCT ON (environment_id, field) environment_id, field, old FROM environments_transition
    WHERE seen_at > {at} ORDER BY environment_id, field, seen_at, id
), was AS (
    SELECT environment_id, {was} FROM later GROUP BY environment_id
), specified AS (
    SELECT DISTINCT ON (v.environment_id) v.environment_id, {specified} FROM environments_specificationversion v
    WHERE v.seen_at <= {at} AND v.environment_id IN (
        SELECT environment_id FROM environments_specificationversion WHERE seen_at > {at})
    ORDER BY v.environment_id, v.spec_version DESC
)
SELECT e.id, {values}
FROM environments_environment e
LEFT JOIN was w ON w.environment_id = e.id
LEFT JOIN specified d ON d.environment_id = e.id
WHERE e.first_seen_at <= {at}"""
# Of environments whose newest stop came later, the newest before; without one, it was first seen stopped, or that stop
# belongs to a phase that was not its phase then.
STOPPED = f"""
WITH before AS (
    SELECT DISTINCT ON (environment_id) environment_id, old_seen_at, seen_at FROM environments_transition
    WHERE seen_at <= {{at}} AND ((field = '{Field.PHASE.value}' AND new = '{Phase.STOPPED.value}')
        OR (field = '{Field.ARCHIVED.value}' AND new = ''))
        AND environment_id IN (SELECT environment_id FROM environments_stop WHERE seen_at > {{at}})
    ORDER BY environment_id, seen_at DESC, id DESC
)
SELECT t.id AS environment_id,
    CASE WHEN s.seen_at <= {{at}} THEN s.old_seen_at ELSE p.old_seen_at END AS old_seen_at,
    CASE WHEN s.seen_at <= {{at}} THEN s.seen_at ELSE coalesce(p.seen_at, t.first_seen_at) END AS seen_at
FROM {{table}} t
JOIN environments_stop s ON s.environment_id = t.id
LEFT JOIN before p ON p.environment_id = t.id"""  # noqa: S608 (constants)
STOPS = "environments_stop AS NOT MATERIALIZED (SELECT * FROM {table}_stops)"
# Where a query asks for no column but rebuilt ones, Postgres leaves the join out. The text that is searched has the
# failures of then.
ENVIRONMENTS = """environments_environment AS NOT MATERIALIZED (
    SELECT {columns}, {search} AS search FROM (
        SELECT {sources} FROM {table} t LEFT JOIN environments_environment e ON e.id = t.id
    ) AS rebuilt)"""
STOP, ENVIRONMENT = f'"{Stop._meta.db_table}"', f'"{Environment._meta.db_table}"'  # as Django writes them
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
_numbers = count()


@contextmanager
def in_front_of_now(at: datetime) -> Iterator[None]:
    """Within, every query on environments and their stops reads them as they were known at `at`.

    In a transaction that may not write, such as an export's, each query rebuilds them for itself.
    """
    if _is_read_only():
        with _in_front(_Past(at, is_read_only=True)):
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Sorting a million transitions in memory, and without compiling the statement first, is several times
            # quicker. Both hold until the transaction ends.
            cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        with _in_front(_Past(at, is_read_only=False)):
            yield


def _is_read_only() -> bool:
    if not connection.in_atomic_block:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only')::boolean")
        return bool(cursor.fetchone()[0])


class _Past:
    """The tables of a past time: temporary ones made when first read, or parts of each query that reads them."""

    def __init__(self, at: datetime, *, is_read_only: bool) -> None:
        table = f"environments_then_{next(_numbers)}"
        self.is_read_only = is_read_only
        self.made: set[str] = set()
        # the second is made of the first
        self.statements = {table: _rebuilt(at), f"{table}_stops": _stopped(at, table)}
        self.shadows = {
            STOP: STOPS.format(table=table),
            ENVIRONMENT: ENVIRONMENTS.format(table=table, **_shadow()),
        }

    def execute(self, run: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """A wrapper of the database connection, for reads alone."""
        if sql.startswith(("SELECT", "(")) and _innermost.get() is self:
            wanted = [shadow for name, shadow in self.shadows.items() if name in sql]
            if wanted:
                before = self._before(reads_stops=STOP in sql)
                sql = f"WITH {', '.join((*before, *wanted))} {sql}"
        return run(sql, params, many, context)

    def _before(self, *, reads_stops: bool) -> list[str]:
        """Make what is read where that is allowed; else what stands before a query."""
        wanted = list(self.statements.items())[: 2 if reads_stops else 1]
        if self.is_read_only:
            return [f"{name} AS MATERIALIZED ({statement})" for name, statement in wanted]
        for name, statement in wanted:
            if name not in self.made:
                with connection.cursor() as cursor:
                    cursor.execute(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {statement}")
                self.made.add(name)
        return []


# the past that counts where one past time is asked about within another
_innermost: ContextVar[_Past | None] = ContextVar("innermost", default=None)


@contextmanager
def _in_front(past: _Past) -> Iterator[None]:
    """Within, reads find the tables of then before those of now."""
    token = _innermost.set(past)
    try:
        with connection.execute_wrapper(past.execute):
            yield
    finally:
        _innermost.reset(token)


@cache
def _shadow() -> dict[str, str]:
    names = [field.column for field in Environment._meta.concrete_fields if field.column and field.column != "search"]
    return {
        "columns": ", ".join(names),
        "sources": ", ".join(f"{'t' if name in VALUES or name == 'id' else 'e'}.{name}" for name in names),
        "search": _generated("search"),
    }


def _generated(name: str) -> str:
    """A generated column's expression."""
    field, operations = cast(GeneratedField, Environment._meta.get_field(name)), cast(Any, connection.ops)
    statement, values = field.generated_sql(connection)
    return str(operations.compose_sql(statement, values))


def _rebuilt(at: datetime) -> str:
    was = (*TEXTS, *TIMES, Field.SECRETS)
    return REBUILT.format(
        was=", ".join(f"max(old) FILTER (WHERE field = '{field.value}') AS {field.value}" for field in was),
        specified=", ".join(f"{value} AS {name}" for name, value in SPECIFIED.items()),
        values=", ".join(f"{value} AS {name}" for name, value in VALUES.items()).format(at=_literal(at)),
        at=_literal(at),
    )


def _stopped(at: datetime, table: str) -> str:
    return STOPPED.format(at=_literal(at), table=table)


def _literal(at: datetime) -> str:
    return f"'{at.astimezone(UTC).isoformat()}'::timestamptz"
