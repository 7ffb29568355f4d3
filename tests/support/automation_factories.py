"""Services, tasks and executions for tests and benchmarks: one by one, or by the hundred thousand."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from automations.models import Batch, BatchItem, ExecutionPhase, Service, ServicePhase, Task, TaskExecution
from automations.sync.summaries import refresh
from environments.models import Environment
from tests.support.vacuuming import vacuum

REFERENCES = ("build", "test", "lint", "seed-database", "migrate", "docs", "e2e", "deps")
FAILURE = "exit status 1: npm ERR! code ELIFECYCLE"


def task(environment: Environment, reference: str = "build", **columns: Any) -> Task:
    """A task of an environment, with the names that a merge would look up."""
    plain = _names(environment) | {"reference": reference, "name": reference.capitalize(), "command": "make"}
    return Task.objects.create(**plain | columns)


def service(environment: Environment, reference: str = "web", **columns: Any) -> Service:
    """A running service of an environment."""
    plain = _names(environment) | {"reference": reference, "name": reference.capitalize()}
    return Service.objects.create(**plain | {"phase": ServicePhase.RUNNING} | columns)


def execution(
    of: Task, *, ago: timedelta = timedelta(hours=1), took: float | None = 60, **columns: Any
) -> TaskExecution:
    """A run of a task that succeeded after `took` seconds unless `columns` say otherwise; None: it has not ended."""
    now = timezone.now()
    started = now - ago
    plain = _names(of.environment) | {
        "task": of, "reference": of.reference, "task_name": of.name, "started_by": "manual",
        "started_by_name": "manual", "phase": ExecutionPhase.SUCCEEDED if took is not None else ExecutionPhase.RUNNING,
        "created_at": started, "started_at": started,
        "completed_at": started + timedelta(seconds=took) if took is not None else None,
    }  # fmt: skip
    made = TaskExecution.objects.create(**plain | columns)
    made.refresh_from_db()  # generated columns
    return made


def batch(environment: Environment, **columns: Any) -> Batch:
    """A batch that is under way, of one item that waits."""
    now = timezone.now()
    plain = {"id": uuid.uuid4(), "action": "task.start", "reference": "build", "at_once": 10, "stop_after": 5}
    made = Batch.objects.create(**plain | {"asked_at": now, "changed_at": now} | columns)
    BatchItem.objects.create(
        batch=made, environment_id=environment.pk, environment_name=environment.name, target_id=uuid.uuid4()
    )
    return made


def _names(environment: Environment) -> dict[str, Any]:
    now = timezone.now()
    return {
        "id": uuid.uuid4(), "environment": environment, "environment_name": environment.name,
        "project_id": environment.project_id, "project_name": environment.project_name,
        "owner_id": environment.creator_id, "owner_name": environment.owner_name, "created_at": now,
        "first_seen_at": now, "changed_at": now, "seen_at": now,
    }  # fmt: skip


TASKS = """
    INSERT INTO automations_task (id, environment_id, environment_name, project_id, project_name, owner_id, owner_name,
        reference, name, description, command, triggers, depends_on, metadata, metadata_digest, spec, created_at,
        first_seen_at, changed_at, seen_at)
    SELECT md5(e.id::text || reference)::uuid, e.id, e.name, e.project_id, e.project_name, e.creator_id, e.owner_name,
        reference, initcap(reference), '', 'make ' || reference, '{{}}', '{{}}',
        jsonb_build_object('reference', reference), 0, jsonb_build_object('command', repeat('make && ', 20)),
        e.created_at, e.created_at, e.changed_at, e.changed_at
    FROM environments_environment e
    CROSS JOIN LATERAL (
        SELECT ({references})[1 + (abs(hashtext(e.id::text)) + n) %% {count}] AS reference
        FROM generate_series(0, 2) n
    ) r
"""
EXECUTIONS = """
    INSERT INTO automations_taskexecution (id, environment_id, environment_name, project_id, project_name, owner_id,
        owner_name, task_id, reference, task_name, started_by, started_by_name, phase, failure, desired_phase, log_url,
        metadata, metadata_digest, spec, status, status_version, created_at, started_at, completed_at, first_seen_at,
        changed_at, seen_at, gone_at)
    SELECT md5('execution ' || n)::uuid, t.environment_id, t.environment_name, t.project_id, t.project_name, t.owner_id,
        t.owner_name, t.id, t.reference, t.name,
        CASE WHEN n %% 3 = 0 THEN 'postDevcontainerStart' ELSE t.owner_id::text END,
        CASE WHEN n %% 3 = 0 THEN 'postDevcontainerStart' ELSE t.owner_name END,
        CASE WHEN n < 200 THEN %(running)s WHEN n %% 11 = 0 THEN %(failed)s WHEN n %% 29 = 0 THEN %(stopped)s
            ELSE %(succeeded)s END,
        CASE WHEN n %% 11 = 0 THEN %(failure)s || ' in step ' || n ELSE '' END, '', '',
        '{{}}', 0, '{{"plan": [{{"steps": []}}]}}', jsonb_build_object('padding', repeat('x', 300)), 3, at,
        at + interval '2 s', CASE WHEN n < 200 THEN NULL ELSE at + (n * 7919 %% 3000 + 2) * interval '1 s' END, at,
        now() - n * interval '1 s', now(), CASE WHEN n %% 50 = 0 THEN now() END
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM automations_task) t
    JOIN (
        SELECT n, now() - n * interval '37 s' AS at, 1 + n * 7 %% tasks AS place
        FROM generate_series(1, %(rows)s) n, (SELECT count(*) AS tasks FROM automations_task) counted
    ) r USING (place)
"""
SERVICES = """
    INSERT INTO automations_service (id, environment_id, environment_name, project_id, project_name, owner_id,
        owner_name, reference, name, description, role, triggers, metadata, metadata_digest, spec, spec_version,
        desired_phase, status, status_version, phase, failure, log_url, created_at, first_seen_at, changed_at, seen_at)
    SELECT md5('service ' || e.id)::uuid, e.id, e.name, e.project_id, e.project_name, e.creator_id, e.owner_name,
        s.reference, initcap(s.reference), '', '', '{{}}', '{{}}', 0, '{{}}', 1, '', '{{}}', 1,
        CASE WHEN s.broken THEN %(failed)s WHEN e.phase = 'ENVIRONMENT_PHASE_RUNNING' THEN %(running)s
            ELSE %(stopped)s END,
        CASE WHEN s.broken THEN 'port ' || abs(hashtext(e.id::text)) %% 9000 || ' is taken' ELSE '' END, '',
        e.created_at, e.created_at, e.changed_at, e.changed_at
    FROM environments_environment e
    CROSS JOIN LATERAL (
        SELECT ({references})[1 + abs(hashtext(e.id::text)) %% {count}] || '-server' AS reference,
            abs(hashtext(e.name)) %% 17 = 0 AS broken
    ) s
"""
TABLES = ("automations_task", "automations_taskexecution", "automations_service")


def fill(executions: int, references: int = len(REFERENCES)) -> None:
    """Three tasks and a service for each environment there is, `executions` runs of them, and the summaries; vacuumed.

    Outside of a transaction only.
    """
    names = [
        REFERENCES[n % len(REFERENCES)] + (f"-{n // len(REFERENCES)}" if n >= 8 else "") for n in range(references)
    ]
    shape = {"references": f"ARRAY{names!r}", "count": references}
    values = {
        "rows": executions, "failure": FAILURE, "running": ExecutionPhase.RUNNING, "failed": ExecutionPhase.FAILED,
        "stopped": ExecutionPhase.STOPPED, "succeeded": ExecutionPhase.SUCCEEDED,
    }  # fmt: skip
    of_service = {"running": ServicePhase.RUNNING, "failed": ServicePhase.FAILED, "stopped": ServicePhase.STOPPED}
    with connection.cursor() as cursor:
        cursor.execute(TASKS.format(**shape), {})
        cursor.execute(EXECUTIONS.format(), values)
        cursor.execute(SERVICES.format(**shape), of_service)
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")
        refresh()
    vacuum(*TABLES)


def empty() -> None:
    """Take all of it away again."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}, automations_tasksummary, automations_servicesummary CASCADE")
