"""The differences between services, tasks and executions, and the statements that write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from automations.models import SETTLED, AutomationQuerySet, Service, Task, TaskExecution, TransitionKind
from environments.sync.upsert import Row, Table
from portal.ona import OnaClient
from portal.ona.documents.pages import Page

from .document_columns import EXECUTIONS, SERVICES, TASKS, execution_row, service_row, task_row

COLUMNS = "kind, subject_id, environment_id, field, old, new, old_seen_at, seen_at"  # of automations_transition
TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
RETURNING = """
    merge_action() AS action, i.id AS id, i.sent_at AS sent_at, new.environment_id AS environment_id,
    old.seen_at AS old_seen_at, old.phase AS old_phase, new.phase AS new_phase, old.failure AS old_failure,
    new.failure AS new_failure, old.gone_at AS old_gone_at, new.gone_at AS new_gone_at, old.status AS old_status,
    new.status AS new_status
"""
# Phases of an execution's steps, by id: Ona does not report when a step began or ended. See
# automations.executions.step_durations.
STEPS = """
        UNION ALL
        SELECT 'step:' || coalesce(o.id, n.id), o.phase, n.phase
        FROM (SELECT s->>'id' AS id, s->>'phase' AS phase FROM jsonb_path_query(old_status, '$.steps[*]') s) o
        FULL JOIN (SELECT s->>'id' AS id, s->>'phase' AS phase FROM jsonb_path_query(new_status, '$.steps[*]') s) n
            ON o.id = n.id
        WHERE coalesce(o.id, n.id) IS NOT NULL
"""
INSERT_TRANSITIONS = f"""
    INSERT INTO automations_transition ({COLUMNS})
    SELECT '{{kind}}', merged.id, environment_id, change.field, coalesce(change.old, ''), coalesce(change.new, ''),
           least(old_seen_at, sent_at), sent_at
    FROM merged CROSS JOIN LATERAL (VALUES
        ('phase', old_phase, new_phase),
        ('failure', old_failure, new_failure),
        ('gone_at', {TIME.format("old_gone_at")}, {TIME.format("new_gone_at")})
        {{steps}}
    ) AS change(field, old, new)
    WHERE action = 'UPDATE' AND change.old IS DISTINCT FROM change.new
    RETURNING 1
"""  # noqa: S608 (constants of this module)
MARK_DELETED = """
    UPDATE {table} SET gone_at = %(at)s, changed_at = clock_timestamp()
    WHERE id = ANY(%(ids)s) AND seen_at < %(at)s AND gone_at IS NULL
    RETURNING id, environment_id, seen_at
"""
INSERT_DELETIONS = f"""
    INSERT INTO automations_transition ({COLUMNS})
    SELECT '{{kind}}', id, environment_id, 'gone_at', '', {TIME.format("%(at)s::timestamptz")}, seen_at, %(at)s
    FROM gone
    RETURNING 1
"""  # noqa: S608 (constants of this module)


class AutomationObservation(NamedTuple):
    """A service, task or execution, and the time its request was sent."""

    sent_at: datetime
    document: Any


@dataclass(frozen=True)
class Kind:
    """One of the three. Statements that write return (rows written, transitions recorded)."""

    name: str
    objects: AutomationQuerySet
    table: Table
    row: Callable[[Any], Row]
    pages: Callable[[OnaClient], Callable[..., Iterator[Page[Any]]]]
    get: Callable[[OnaClient], Callable[[UUID], Any]]
    versions: tuple[str, ...] = ()
    transitions: TransitionKind | None = None  # tasks have no state to record
    # Rows that listings may lack without being deleted: ended executions are history.
    settled: Q | None = None
    pages_of_running: int | None = None

    @property
    def known(self) -> str:
        columns = ", ".join(("id", "seen_at", "gone_at", "metadata_digest", *self.versions))
        return f"SELECT {columns} FROM {self.table.name} WHERE id = ANY(%s)"  # noqa: S608 (names of this module)

    @property
    def sight(self) -> str:
        return f"""
            UPDATE {self.table.name} t SET seen_at = i.sent_at
            FROM unnest(%s::uuid[], %s::timestamptz[]) i(id, sent_at) WHERE i.id = t.id AND i.sent_at > t.seen_at
        """  # noqa: S608 (names of this module)

    @property
    def merge(self) -> str:
        return self._written("merged", self.table.merge(RETURNING if self.transitions else "1"), INSERT_TRANSITIONS)

    @property
    def gone(self) -> str:
        return self._written("gone", MARK_DELETED.format(table=self.table.name), INSERT_DELETIONS)

    def _written(self, name: str, write: str, note: str) -> str:
        """`write` and the transitions of its result in one statement, so that neither is written alone."""
        steps = STEPS if self.transitions == TransitionKind.EXECUTION else ""
        noted = note.format(kind=self.transitions, steps=steps) if self.transitions else "SELECT 1 WHERE false"
        return f"WITH {name} AS ({write}), noted AS ({noted}) SELECT (SELECT count(*) FROM {name}), count(*) FROM noted"  # noqa: S608 (names of this module)


SERVICE_KIND = Kind(
    "services", Service.objects, SERVICES, service_row,  # type: ignore[arg-type]
    lambda client: client.service_pages, lambda client: client.get_service,
    versions=("spec_version", "status_version"), transitions=TransitionKind.SERVICE,
)  # fmt: skip
TASK_KIND = Kind(
    "tasks", Task.objects, TASKS, task_row,  # type: ignore[arg-type]
    lambda client: client.task_pages, lambda client: client.get_task,
)  # fmt: skip
EXECUTION_KIND = Kind(
    "executions", TaskExecution.objects, EXECUTIONS, execution_row,  # type: ignore[arg-type]
    lambda client: client.execution_pages, lambda client: client.get_task_execution,
    versions=("status_version",), transitions=TransitionKind.EXECUTION,
    settled=Q(phase__in=SETTLED), pages_of_running=1,
)  # fmt: skip
KINDS = (SERVICE_KIND, TASK_KIND, EXECUTION_KIND)
