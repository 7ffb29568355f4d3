"""Update what automations copy from other rows: environment, task, starter, newest execution.

A merge looks these up for the rows that it writes; this follows when an environment is renamed or arrives after its
automations, a task after its executions, or a member after both.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from .document_columns import ENVIRONMENT_NAMES, EXECUTIONS, SERVICES, TASKS

_NAMES = ", ".join(f"{column} = i.{column}" for column in ENVIRONMENT_NAMES)
_OLD, _NEW = (", ".join(f"{row}.{column}" for column in ENVIRONMENT_NAMES) for row in ("t", "i"))
OF_ENVIRONMENT = """
    UPDATE {table} t SET {names}, changed_at = clock_timestamp()
    FROM (
        SELECT environment.id, {looked_up} FROM environments_environment environment
        WHERE environment.changed_at > %(since)s
    ) i
    WHERE i.id = t.environment_id AND ({new}) IS DISTINCT FROM ({old})
"""
OF_TASK = """
    UPDATE automations_taskexecution t
    SET reference = i.reference, task_name = i.name, changed_at = clock_timestamp()
    FROM automations_task i
    WHERE i.id = t.task_id AND i.changed_at > %(since)s
        AND (i.reference, i.name) IS DISTINCT FROM (t.reference, t.task_name)
"""
OF_STARTER = """
    UPDATE automations_taskexecution t SET started_by_name = i.name, changed_at = clock_timestamp()
    FROM directory_member i
    WHERE i.id::text = t.started_by AND i.name <> '' AND i.name <> t.started_by_name
"""
LAST_RUN = """
    UPDATE automations_task t
    SET last_execution_id = i.id, last_phase = i.phase, last_run_at = i.created_at, changed_at = clock_timestamp()
    FROM (
        SELECT DISTINCT ON (task_id) task_id, id, phase, created_at FROM automations_taskexecution
        WHERE task_id IN (SELECT task_id FROM automations_taskexecution WHERE changed_at > %(since)s)
        ORDER BY task_id, created_at DESC, id
    ) i
    WHERE i.task_id = t.id
        AND (i.id, i.phase, i.created_at) IS DISTINCT FROM (t.last_execution_id, t.last_phase, t.last_run_at)
"""
STATEMENTS = (
    *(
        OF_ENVIRONMENT.format(
            table=table.name,
            names=_NAMES,
            looked_up=", ".join(f"{expression} AS {column}" for column, (_, expression) in ENVIRONMENT_NAMES.items()),
            new=_NEW,
            old=_OLD,
        )
        for table in (SERVICES, TASKS, EXECUTIONS)
    ),
    OF_TASK,
    OF_STARTER,
    LAST_RUN,
)


def refresh_names(since: datetime | None) -> None:
    """Update the copies of what changed after `since` (None: all). Requires a transaction that holds the merge lock."""
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement, {"since": since or "-infinity"})
