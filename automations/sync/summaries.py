"""Counts tasks and services by reference over all environments, for the pages that nobody should wait for."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from automations.models import ExecutionPhase, ServicePhase, ServiceSummary, TaskSummary
from automations.sync.denormalized_names import refresh_names
from environments.sync.upsert import lock_merging

MARKS = 20  # newest runs of a task that are kept as marks
MESSAGES = 3  # most frequent failures of a service
LATE = timedelta(minutes=2)  # longer than a transaction of the sync stays open: what it commits is stamped before
SUMMARIZING = 0x6F6E63  # advisory lock: one sync counts at a time
TASKS = """
    WITH present AS (
        SELECT reference, count(*) AS environments FROM automations_task
        WHERE gone_at IS NULL AND reference <> '' GROUP BY reference
    ),
    ran AS (
        SELECT reference,
            count(*) FILTER (WHERE phase IN (%(pending)s, %(running)s)) AS under_way,
            count(*) FILTER (
                WHERE created_at > %(week)s AND phase IN (%(succeeded)s, %(failed)s, %(stopped)s)
            ) AS ended,
            count(*) FILTER (WHERE created_at > %(week)s AND phase = %(failed)s) AS failed,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration)
                FILTER (WHERE phase = %(succeeded)s) AS took
        FROM automations_taskexecution WHERE created_at > %(month)s AND reference <> '' GROUP BY reference
    ),
    counted AS (SELECT * FROM present FULL JOIN ran USING (reference))
    INSERT INTO automations_tasksummary AS s (id, reference, name, environments, under_way, ended, failed, failed_share,
        median, p95, last_run_at, marks, computed_at)
    SELECT md5('task ' || counted.reference)::uuid, counted.reference, coalesce(one.name, newest.name, ''),
        coalesce(environments, 0), coalesce(under_way, 0), coalesce(ended, 0), coalesce(failed, 0),
        failed::float / nullif(ended, 0), took[1], took[2], newest.at, coalesce(newest.marks, '[]'), %(now)s
    FROM counted
    LEFT JOIN LATERAL (
        SELECT name FROM automations_task t WHERE t.reference = counted.reference AND t.gone_at IS NULL
        ORDER BY upper(environment_name), id LIMIT 1
    ) one ON TRUE
    LEFT JOIN LATERAL (
        SELECT max(run.created_at) AS at, (array_agg(run.task_name ORDER BY run.created_at DESC))[1] AS name,
            jsonb_agg(jsonb_build_object('id', run.id, 'phase', run.phase, 'at', run.created_at)
                ORDER BY run.created_at DESC, run.id) AS marks
        FROM (
            SELECT id, phase, created_at, task_name FROM automations_taskexecution e
            WHERE e.reference = counted.reference AND created_at IS NOT NULL
            ORDER BY created_at DESC LIMIT %(marks)s
        ) run
    ) newest ON TRUE
    ON CONFLICT (id) DO UPDATE SET
        (name, environments, under_way, ended, failed, failed_share, median, p95, last_run_at, marks, computed_at)
        = (excluded.name, excluded.environments, excluded.under_way, excluded.ended, excluded.failed,
        excluded.failed_share, excluded.median, excluded.p95, excluded.last_run_at, excluded.marks,
        excluded.computed_at)
"""
# Messages are alike when they differ in numbers, ids and what stands in quotes only.
SERVICES = r"""
    WITH phases AS (
        SELECT reference, phase, count(*) AS n FROM automations_service
        WHERE gone_at IS NULL AND reference <> '' GROUP BY reference, phase
    ),
    counted AS (
        SELECT reference, sum(n) AS environments, jsonb_object_agg(phase, n) AS phases,
            coalesce(sum(n) FILTER (WHERE phase = %(running)s), 0) AS running,
            coalesce(sum(n) FILTER (WHERE phase = %(failed)s), 0) AS failed
        FROM phases GROUP BY reference
    ),
    messages AS (
        SELECT reference, min(left(failure, 300)) AS message, count(*) AS n
        FROM automations_service WHERE gone_at IS NULL AND failure <> ''
        GROUP BY reference, regexp_replace(left(failure, 300), '[0-9a-f-]{8,}|[0-9]+|"[^"]*"|''[^'']*''', '#', 'gi')
    ),
    ranked AS (SELECT *, row_number() OVER (PARTITION BY reference ORDER BY n DESC, message) AS place FROM messages),
    failures AS (
        SELECT reference, jsonb_agg(jsonb_build_object('message', message, 'count', n) ORDER BY place) AS failures
        FROM ranked WHERE place <= %(messages)s GROUP BY reference
    )
    INSERT INTO automations_servicesummary AS s (id, reference, name, environments, running, failed, failed_share,
        phases, failures, computed_at)
    SELECT md5('service ' || counted.reference)::uuid, counted.reference, coalesce(one.name, ''), environments, running,
        failed, failed::float / environments, phases, coalesce(failures, '[]'), %(now)s
    FROM counted
    LEFT JOIN failures USING (reference)
    LEFT JOIN LATERAL (
        SELECT name FROM automations_service t WHERE t.reference = counted.reference AND t.gone_at IS NULL
        ORDER BY upper(environment_name), id LIMIT 1
    ) one ON TRUE
    ON CONFLICT (id) DO UPDATE SET
        (name, environments, running, failed, failed_share, phases, failures, computed_at)
        = (excluded.name, excluded.environments, excluded.running, excluded.failed, excluded.failed_share,
        excluded.phases, excluded.failures, excluded.computed_at)
"""


def refresh() -> None:
    """Bring the names and summaries up to date with what was read from Ona until now.

    Names follow what changed since the last time; the summaries are counted as a whole, since the days that they look
    back on pass even where nothing changes. 300,000 tasks and 100,000 executions take about a second.
    """
    now = timezone.now()
    since = computed_at()
    with transaction.atomic():
        lock_merging()
        refresh_names(since and since - LATE)
    values: dict[str, datetime | int | str] = {
        "now": now, "week": now - timedelta(days=7), "month": now - timedelta(days=30), "marks": MARKS,
        "messages": MESSAGES,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SUMMARIZING])
        cursor.execute(TASKS, values | _phases(ExecutionPhase))
        cursor.execute(SERVICES, values | _phases(ServicePhase))
        for model in (TaskSummary, ServiceSummary):
            model.objects.filter(computed_at__lt=now).delete()


def _phases(phases: type[ExecutionPhase] | type[ServicePhase]) -> dict[str, datetime | int | str]:
    """The phases by the words that the statements call them."""
    return {str(phase.label): str(phase.value) for phase in phases}


def computed_at() -> datetime | None:
    """When the summaries were counted last; None where there are none."""
    newest = [model.objects.aggregate(at=Max("computed_at"))["at"] for model in (TaskSummary, ServiceSummary)]
    return max((at for at in newest if at), default=None)
