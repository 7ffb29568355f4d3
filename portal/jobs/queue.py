"""Which worker runs which job. Each step is one conditional statement, whose row count tells whether it was done.

A worker that begins a job gets a lease, which it renews while it works. A job whose lease has expired has lost its
worker: another one starts it over, a few times at most. All times are the database's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from portal.jobs.models import MAX_ATTEMPTS, Job, JobState

LEASE = timedelta(seconds=30)
LOST = (
    f"The worker that ran it ended before the job did, {MAX_ATTEMPTS} times. Its memory may not be enough, or a "
    "restart came in between each time. Request it again, or ask whoever runs this portal."
)
LOCK = "SELECT pg_advisory_xact_lock(hashtext('portal.jobs'))"


def claim() -> Job | None:
    """Begin the job that has waited longest, or lost its worker; None if there is none, or PORTAL_JOBS run already."""
    end_abandoned()
    lease = uuid4()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK)  # two workers that count at the same time would begin one too many
        if Job.objects.running().count() >= settings.JOBS:
            return None
        oldest = Job.objects.claimable().order_by("requested_at", "pk").values("pk")[:1]
        Job.objects.claimable().filter(pk__in=oldest).update(
            state=JobState.RUNNING, lease=lease, lease_until=Now() + LEASE, attempts=F("attempts") + 1,
            began_at=Now(), changed_at=Now(), step="", done=0, total=0,
        )  # fmt: skip
    return Job.objects.filter(lease=lease).select_related("owner", "token__owner").first()


def renew(job: Job, *, step: str, done: int, total: int) -> bool:
    """Keep the lease and note the progress; False if the job is cancelled, or no longer this worker's."""
    changed = {"step": step, "done": done, "total": total, "lease_until": Now() + LEASE, "changed_at": Now()}
    return bool(Job.objects.held(job).filter(cancelled_at=None).update(**changed))


def succeed(job: Job, **result: Any) -> bool:
    """End it with this result; False if it was cancelled, or is no longer this worker's."""
    return _end(Job.objects.held(job).filter(cancelled_at=None), JobState.SUCCEEDED, **result)


def fail(job: Job, why: str) -> bool:
    """End it as failed; False if it is no longer this worker's."""
    return _end(Job.objects.held(job), JobState.FAILED, why=why)


def end_cancelled(job: Job) -> bool:
    """End it as cancelled, if it was; False if it is no longer this worker's."""
    return _end(Job.objects.held(job).exclude(cancelled_at=None), JobState.CANCELLED)


def end_abandoned() -> None:
    """End those without a worker that nobody is to begin again."""
    _end(Job.objects.abandoned().exclude(cancelled_at=None), JobState.CANCELLED)
    _end(Job.objects.abandoned().filter(cancelled_at=None, attempts__gte=MAX_ATTEMPTS), JobState.FAILED, why=LOST)


def cancel(job: Job, by: str) -> bool:
    """Cancel it: at once while it waits, and soon where a worker runs it. False if it has ended or is cancelled."""
    mine = Job.objects.filter(pk=job.pk, cancelled_at=None)
    asked = {"cancelled_at": Now(), "cancelled_by": by}
    if _end(mine.filter(state=JobState.WAITING), JobState.CANCELLED, **asked):
        return True
    return bool(mine.filter(state=JobState.RUNNING).update(changed_at=Now(), **asked))


def _end(jobs: Any, state: JobState, **columns: Any) -> bool:
    return bool(jobs.update(state=state, ended_at=Now(), changed_at=Now(), lease_until=None, **columns))
