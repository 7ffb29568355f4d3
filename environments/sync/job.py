"""What every sync job has in common: one of a kind at a time, and a row that tells how it went."""

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
    """A run that cannot go on, for a reason the portal itself found."""

    code = "failed"


class TooManyMissing(SyncError):
    """A listing that lacks more than a tenth of what was there: more likely a mistake than a deletion."""

    code = "too_many_missing"


class Refused(Exception):
    """What a run may not read with the token it has: no failure, for no other run would do better."""

    def __init__(self, code: str, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.code, self.request_id = code, request_id


def no_progress(done: int, total: int | None) -> None:
    """Tell nobody."""


def record(kind: SyncRun.Kind, client: OnaClient, job: Callable[[SyncRun], None]) -> SyncRun | None:
    """Run `job` and record it; None, without a record, if one of this kind is under way.

    A failure is recorded, not raised, and so is a refusal: the caller looks at `state`. Only what is no fault of Ona's
    or of the network is raised too, after it was recorded: a mistake in the portal, or a database that is away.
    """
    with only_one(kind) as is_only_one:
        if not is_only_one:
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


def with_ona(kind: SyncRun.Kind, job: Callable[[OnaClient], SyncRun | None]) -> SyncRun | None:
    """Do `job` with this process's client; a configuration that cannot be right makes a failed run of its own."""
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
    """Whoever holds the lock is alone: a run of this kind that is still "running" died without saying so."""
    SyncRun.objects.filter(kind=kind, state=SyncRun.State.RUNNING).update(
        state=SyncRun.State.FAILED,
        finished_at=timezone.now(),
        error_code="interrupted",
        error="The process that ran it ended without finishing.",
    )


@contextmanager
def only_one(job: str) -> Iterator[bool]:
    """Hold the lock of `job`, such as a kind of run; False if somebody else does.

    On a connection of its own: one from the pool would keep the lock when it goes back there after a failure, and
    this one gives it up however the process ends.
    """
    with connection.wrap_database_errors:
        lock = psycopg.connect(**connection.get_connection_params(), autocommit=True)
    with closing(lock):
        found = lock.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [SYNCING, str(job)]).fetchone()
        is_only_one = found is not None and bool(found[0])
        try:
            yield is_only_one
        finally:
            if is_only_one:  # closing alone gives it up too, but only a moment later
                with suppress(psycopg.Error):
                    lock.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [SYNCING, str(job)])


def ask(get: Callable[[UUID], T], id_: UUID) -> T | None:
    """What `get` answers for `id_`, or None where Ona knows no such thing."""
    try:
        return get(id_)
    except errors.NotFound:
        return None


def ask_all(get: Callable[[UUID], T], ids: Sequence[UUID]) -> list[T | None]:
    """What `get` answers for each of `ids`, side by side; None where Ona knows no such thing."""
    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        return list(pool.map(lambda id_: ask(get, id_), ids))


def refuse_losses(missing: int, present: int, things: str, command: str) -> None:
    """Raise TooManyMissing where a listing lacks more than a tenth, and more than a handful, of what was there.

    `command` is the one of manage.py that accepts it.
    """
    if missing > max(LOSS_FLOOR, LOSS_SHARE * present):
        raise TooManyMissing(
            f"{missing:,} of {present:,} {things} were missing from Ona's listing. Nothing was marked as gone, since a "
            "token that sees less than before looks the same. If they were deleted on purpose, run "
            f"`manage.py {command} --accept-losses` once."
        )
