"""One job, from its lease to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from threading import Event, Thread

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error, connection

from portal.accounts.tokens.authentication import TokenRefused, user_of
from portal.jobs import queue
from portal.jobs.kinds import KINDS, Kind
from portal.jobs.models import Job
from portal.jobs.results import store
from portal.jobs.work import JobFailed, Stopped, Work

RENEWED_SECONDS = 1.0  # between two renewals of the lease, which also tell the progress
NOT_ALLOWED = "{} no longer has the rights that this needs."
TOO_LARGE = "The result is larger than {} MB, the most that is stored (PORTAL_JOB_RESULT_MB). Request a part of it."
TOO_SLOW = "It took longer than {} minutes, the most that a job may (PORTAL_JOB_MAX_SECONDS). Request a part of it."
BROKEN = "The portal made an error ({}). It is in the worker's log, with the job's id."
log = structlog.get_logger()


def run_next() -> bool:
    """Run one job if one waits, or has lost its worker; False if not."""
    job = queue.claim()
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(job_id=str(job.pk), job=job.kind):
        began = time.monotonic()
        _run(job)
        log.info("job ended", attempt=job.attempts, seconds=round(time.monotonic() - began, 3))
    return True


def _run(job: Job) -> None:
    """Do it and end it; a failure of the database leaves it to the next worker, when its lease has expired."""
    try:
        kind, actor = _allowed(job)
        with TemporaryFile() as file:
            work = Work(job, actor, file)
            with _renewed(work):
                made = kind.run(work, job.arguments)
            file.flush()
            _check_size(work)
            work.advance(0)
            store(job, made, file)
    except Stopped:
        queue.end_cancelled(job)
    except JobFailed as failure:
        queue.fail(job, str(failure))
    except SoftTimeLimitExceeded:
        queue.fail(job, TOO_SLOW.format(settings.JOB_MAX_SECONDS // 60))
    except Exception as error:
        log.exception("job broken")
        queue.fail(job, BROKEN.format(type(error).__name__))


def _allowed(job: Job) -> tuple[Kind, User]:
    """Its kind, and for whom it is done, with the rights that they, or the token they used, have now."""
    kind = KINDS.get(job.kind)
    if kind is None:
        raise JobFailed(f"This version of the portal has no jobs of the kind {job.kind}.")
    try:
        actor = user_of(job.token) if job.token else job.owner
    except TokenRefused as refusal:
        raise JobFailed(str(refusal)) from None
    if not actor.is_active or not actor.has_perms(kind.permissions(job.arguments)):
        raise JobFailed(NOT_ALLOWED.format(job.owner.get_username()))
    return kind, actor


@contextmanager
def _renewed(work: Work) -> Iterator[None]:
    """Renew the lease and tell the progress meanwhile, in a thread: the work may be within a transaction that sees and
    writes nothing of that, or wait for the database."""
    is_over = Event()
    thread = Thread(target=_renew, args=(work, is_over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _renew(work: Work, is_over: Event) -> None:
    until = time.monotonic() + queue.LEASE.total_seconds()
    try:
        while not is_over.wait(RENEWED_SECONDS):
            began = time.monotonic()
            try:
                if not queue.renew(work.job, step=work.step, done=work.done, total=work.total):
                    work.stop(Stopped())
                until = began + queue.LEASE.total_seconds()
            except Error as error:
                log.warning("lease not renewed", error=type(error).__name__)
                if began > until:
                    work.stop(Stopped())
            _check_size(work)
    finally:
        connection.close()


def _check_size(work: Work) -> None:
    if os.fstat(work.file.fileno()).st_size > settings.JOB_RESULT_MB * 1_000_000:
        work.stop(JobFailed(TOO_LARGE.format(f"{settings.JOB_RESULT_MB:,}")))
