"""Celery tasks of background jobs."""

from celery import shared_task
from django.conf import settings

from portal.jobs import results, run

GRACE = 60  # seconds, between the exception and the end of the process


@shared_task(acks_late=False, soft_time_limit=settings.JOB_MAX_SECONDS, time_limit=settings.JOB_MAX_SECONDS + GRACE)
def run_jobs() -> None:
    """Run one job that waits, or whose worker ended, and have a worker look for the next one."""
    if run.run_next():
        run_jobs.apply_async(retry=False, expires=GRACE)


@shared_task(acks_late=False)
def delete_expired_jobs() -> None:
    """Delete results that have expired, and jobs that ended long ago."""
    results.delete_expired()
