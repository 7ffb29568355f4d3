"""Jobs from their request to their end: workers that are killed, cancelling, rights that are lost, and bounds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from portal.accounts.models import ApiToken
from portal.jobs import kinds, queue, results, run
from portal.jobs.kinds import Arguments, Kind, Made
from portal.jobs.models import MAX_ATTEMPTS, Job, JobPiece, JobState
from portal.jobs.start import MAX_OPEN, TooManyJobs, start_job
from portal.jobs.work import JobFailed, Work
from tests.automations.batches.batching import wait_until
from tests.support import factories
from tests.support.jobs import run_next

EXPORT = "environments.export_environment"
GATES: dict[str, Any] = {}  # what a job does at its third row


def count(work: Work, arguments: Arguments) -> Made:
    work.begin("numbers", 5)
    for number in work.counted(range(5)):
        if number == 3 and (gate := GATES.get(arguments.get("gate", ""))):
            gate(work)
        work.file.write(b"%d\n" % number)
    return Made("numbers.txt", "text/plain")


COUNT = Kind(name="count", label="Counting", permissions=lambda arguments: (EXPORT,), run=count)


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(kinds.KINDS, COUNT.name, COUNT)
    yield
    GATES.clear()


def begin(actor: User, **arguments: Any) -> Job:
    return start_job(kind=COUNT, arguments=arguments, words="Five numbers", actor=actor)


def ended(job: Job) -> Job:
    """The job after a worker has looked once."""
    run_next()
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
def test_a_job_outlives_the_worker_that_is_killed_in_the_middle_of_it() -> None:
    job = begin(factories.user("Auditor"), gate="die")
    process = _run_in_another_process()
    wait_until(Job.objects.filter(step="numbers", done=4, total=5).exists)  # its lease is renewed
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.RUNNING, 1)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)

    assert not run_next(), "its lease is still good"
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert ended(job).state == JobState.SUCCEEDED
    assert job.attempts == 2
    assert b"".join(results.read(job)) == b"0\n1\n2\n3\n4\n"


@pytest.mark.django_db(transaction=True)
def test_a_worker_learns_soon_that_its_job_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RENEWED_SECONDS", 0.02)

    def wait_for_it(work: Work) -> None:
        assert queue.cancel(work.job, "ann")
        wait_until(lambda: work.is_stopped)

    GATES["wait"] = wait_for_it
    job = begin(factories.user("Auditor"), gate="wait")
    assert run.run_next()
    job.refresh_from_db()
    assert (job.state, job.cancelled_by) == (JobState.CANCELLED, "ann")


def _run_in_another_process() -> int:
    connection.close()  # it has connections of its own
    connection.close_pool()  # type: ignore[attr-defined]
    if process := os.fork():
        return process

    GATES["die"] = lambda work: signal.pause()
    run.RENEWED_SECONDS = 0.02
    try:
        run.run_next()
    finally:
        os._exit(1)


@pytest.mark.django_db
def test_a_job_whose_workers_end_again_and_again_says_so_at_last() -> None:
    job = begin(factories.user("Auditor"))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = queue.claim()
        assert claimed is not None
        assert claimed.attempts == attempt
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert queue.claim() is None
    job.refresh_from_db()
    assert (job.state, job.why) == (JobState.FAILED, queue.LOST)


@pytest.mark.django_db
def test_the_result_of_a_worker_that_lost_its_lease_is_not_stored() -> None:
    """The other one, which began it again, ends it; the first one stores nothing, and changes nothing."""
    job = begin(factories.user("Auditor"), gate="slow")

    def be_slow(work: Work) -> None:
        GATES.clear()
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert run_next()

    GATES["slow"] = be_slow
    assert ended(job).state == JobState.SUCCEEDED
    assert (job.attempts, JobPiece.objects.count()) == (2, 1)


@pytest.mark.django_db
def test_a_job_is_cancelled_while_it_waits_and_while_it_runs() -> None:
    auditor = factories.user("Auditor")
    waiting = begin(auditor)
    assert queue.cancel(waiting, "ann")
    assert not run_next()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.cancelled_by) == (JobState.CANCELLED, "ann")
    assert not queue.cancel(waiting, "ben"), "it has ended"

    GATES["cancel"] = lambda work: queue.cancel(work.job, "ann")  # too late for its progress, not for its end
    assert ended(begin(auditor, gate="cancel")).state == JobState.CANCELLED
    assert not JobPiece.objects.exists()


@pytest.mark.django_db
def test_rights_are_checked_when_a_job_is_requested_and_again_when_it_runs() -> None:
    with pytest.raises(PermissionDenied):
        begin(factories.user("Viewer"))
    auditor = factories.user("Auditor")
    now = timezone.now()
    token = ApiToken.objects.create(
        owner=auditor,
        name="nightly",
        role="Auditor",
        prefix="portal_x",
        digest="x",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    lost, left, revoked = (begin(auditor, number=number) for number in range(3))
    Job.objects.filter(pk=revoked.pk).update(token=token)
    ApiToken.objects.update(revoked_at=now)
    auditor.groups.set([Group.objects.get(name="Viewer")])
    assert ended(lost).why == f"{auditor.username} no longer has the rights that this needs."
    User.objects.filter(pk=auditor.pk).update(is_active=False)
    assert "no longer has the rights" in ended(left).why
    assert "was revoked" in ended(revoked).why
    assert {job.state for job in Job.objects.all()} == {JobState.FAILED}


@pytest.mark.django_db
def test_why_a_job_failed_is_said(settings: Any) -> None:
    auditor = factories.user("Auditor")

    def fails(error: Exception) -> str:
        def gate(work: Work) -> None:
            raise error

        GATES["fail"] = gate
        return ended(begin(auditor, gate="fail")).why

    assert fails(JobFailed("There is no such list.")) == "There is no such list."
    assert "longer than 60 minutes" in fails(SoftTimeLimitExceeded())
    assert "an error (ZeroDivisionError)" in fails(ZeroDivisionError())
    settings.JOB_RESULT_MB = 0
    assert "larger than 0 MB" in ended(begin(auditor)).why
    kinds.KINDS.pop("count")
    assert "no jobs of the kind count" in ended(begin(auditor)).why


@pytest.mark.django_db
def test_as_many_run_and_wait_as_there_may_be(settings: Any) -> None:
    auditor = factories.user("Auditor")
    first = begin(auditor)
    assert begin(auditor) == first, "the same that is open is not requested again"
    others = [begin(auditor, number=number) for number in range(MAX_OPEN - 1)]
    with pytest.raises(TooManyJobs):
        begin(auditor, number=MAX_OPEN)
    assert begin(factories.user("Auditor")) != first
    settings.JOBS = 2
    claimed = [queue.claim(), queue.claim(), queue.claim()]
    assert claimed == [first, others[0], None], "in the order of their requests"


@pytest.mark.django_db
def test_results_and_jobs_are_deleted_in_time() -> None:
    job = ended(begin(factories.user("Auditor")))
    results.delete_expired()
    assert b"".join(results.read(job)) == b"0\n1\n2\n3\n4\n"
    Job.objects.update(expires_at=timezone.now())
    results.delete_expired()
    assert not JobPiece.objects.exists()
    assert Job.objects.exists()
    Job.objects.update(ended_at=timezone.now() - results.RETENTION - timedelta(days=1))
    results.delete_expired()
    assert not Job.objects.exists()
