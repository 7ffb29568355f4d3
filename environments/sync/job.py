"""What all sync jobs share: one run of a kind at a time, and a row that records how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection
from django.utils import timezone

from environments.models import SyncRun
from portal.directory.connection import ona
from portal.ona import OnaClient, errors

log = structlog.get_logger()
SYNCING = 0x6F6E62  # advisory locks: one job of a kind at a time
LOSS_SHARE, LOSS_FLOOR = 0.1, 20
Progress = Callable[[int, int | None], None]
T = TypeVar("T")


class SyncError(Exception):
    """The run cannot continue, for a reason that the portal detected itself."""

    code = "failed"


class TooManyMissing(SyncError):
    """More than a tenth of the rows is missing from a listing: more likely a mistake than a deletion."""

    code = "too_many_missing"


class Refused(Exception):
    """The token is not permitted to read this. Not a failure, since repeating the run would not help."""

    def __init__(self, code: str, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.code, self.request_id = code, request_id


def ignore_progress(done: int, total: int | None) -> None:
    """Ignore progress."""


def record_run(kind: SyncRun.Kind, client: OnaClient, job: Callable[[SyncRun], None]) -> SyncRun | None:
    """Run `job` and record it; None, without a record, if a run of this kind is in progress.

    Failures and refusals of Ona or the network are recorded in `state`, not raised. Everything else, such as a bug or a
    lost database, is recorded and raised too.
    """
    with exclusive_lock(kind) as is_ours:
        if not is_ours:
            return None
        _close_interrupted(kind)
        run = SyncRun.objects.create(kind=kind, started_at=timezone.now())
        before = client.stats
        try:
            job(run)
            run.state = SyncRun.State.SUCCEEDED
        except Refused as error:
            _end(run, SyncRun.State.REFUSED, error.code, str(error), error.request_id)
        except errors.OnaError as error:
            _fail(run, error.code, error.for_people(), error.request_id or "")
        except SyncError as error:
            _fail(run, error.code, str(error))
        except SoftTimeLimitExceeded:
            _fail(run, "too_slow", f"It was stopped after {settings.CELERY['task_soft_time_limit']} seconds.")
        except BaseException as error:
            _fail(run, "interrupted", f"It ended with {type(error).__name__}; the log has the details.")
            raise
        finally:
            run.requests, run.retries = client.stats.requests - before.requests, client.stats.retries - before.retries
            run.finished_at = timezone.now()
            run.save()
            log.info(
                "sync run", kind=run.kind, state=run.state, listed=run.listed, changed=run.changed, error=run.error
            )
        return run


def run_with_client(kind: SyncRun.Kind, job: Callable[[OnaClient], SyncRun | None]) -> SyncRun | None:
    """Call `job` with this process's client; an invalid configuration makes a failed run instead."""
    try:
        client = ona()
    except ValueError as error:
        now = timezone.now()
        run = SyncRun(kind=kind, started_at=now, finished_at=now)
        _fail(run, "configuration", str(error))
        run.save()
        return run
    return job(client)


def _fail(run: SyncRun, code: str, message: str, request_id: str = "") -> None:
    _end(run, SyncRun.State.FAILED, code, message, request_id)


def _end(run: SyncRun, state: SyncRun.State, code: str, message: str, request_id: str) -> None:
    run.state, run.error_code, run.error, run.request_id = state, code, message, request_id


def _close_interrupted(kind: SyncRun.Kind) -> None:
    """Mark crashed runs as failed: the caller holds the lock, so a run still "running" cannot be alive."""
    SyncRun.objects.filter(kind=kind, state=SyncRun.State.RUNNING).update(
        state=SyncRun.State.FAILED,
        finished_at=timezone.now(),
        error_code="interrupted",
        error="The process that ran it ended without finishing.",
    )


@contextmanager
def exclusive_lock(job: str) -> Iterator[bool]:
    """Hold the lock of `job`, such as a kind of run; yields False if another process holds it.

    It has a connection of its own: a pooled one would still hold the lock when it returns to the pool after a failure,
    while this one releases it however the process ends.
    """
    with connection.wrap_database_errors:
        lock = psycopg.connect(**connection.get_connection_params(), autocommit=True)
    with closing(lock):
        row = lock.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [SYNCING, str(job)]).fetchone()
        is_ours = row is not None and bool(row[0])
        try:
            yield is_ours
        finally:
            if is_ours:  # closing alone releases it too, but slightly later
                with suppress(psycopg.Error):
                    lock.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [SYNCING, str(job)])


def fetch_or_none(get: Callable[[UUID], T], id_: UUID) -> T | None:
    """Call `get` for `id_`; None if Ona answers not found."""
    try:
        return get(id_)
    except errors.NotFound:
        return None


def fetch_all(get: Callable[[UUID], T], ids: Sequence[UUID]) -> list[T | None]:
    """Call `get` for each of `ids` in parallel; None in place of those that Ona does not find."""
    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        return list(pool.map(lambda id_: fetch_or_none(get, id_), ids))


def reject_mass_deletion(missing: int, present: int, things: str, command: str) -> None:
    """Raise TooManyMissing if more than a tenth, and more than 20, of the present rows are missing.

    `command` is the manage.py command that accepts the losses.
    """
    if missing > max(LOSS_FLOOR, LOSS_SHARE * present):
        raise TooManyMissing(
            f"{missing:,} of {present:,} {things} were missing from Ona's listing. Nothing was marked as deleted, "
            "since a "
            "token that sees less than before looks the same. If they were deleted on purpose, run "
            f"`manage.py {command} --accept-losses` once."
        )
