"""The results of jobs: stored in pieces, read again one at a time, deleted when they have expired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from portal.jobs import queue
from portal.jobs.kinds import Made
from portal.jobs.models import Job, JobPiece
from portal.jobs.work import Stopped

PIECE = 1 << 20  # bytes
RETENTION = timedelta(days=30)  # of jobs that have ended, without their results


def store(job: Job, made: Made, file: BinaryIO) -> None:
    """End the job with its result, or, if it is to be stopped, store nothing and raise Stopped."""
    size = file.seek(0, 2)
    file.seek(0)
    lifetime = timedelta(hours=settings.JOB_RESULT_HOURS)
    with transaction.atomic():
        # first, so that its row is locked: whoever wants to begin it again waits, and then sees that it has ended
        if not queue.succeed(
            job, file_name=made.file_name, media_type=made.media_type, size=size, expires_at=Now() + lifetime
        ):
            raise Stopped
        for number, content in enumerate(iter(lambda: file.read(PIECE), b"")):
            JobPiece.objects.create(job=job, number=number, content=content)


def read(job: Job) -> Iterator[bytes]:
    """The result, piece by piece; each is a query of its own, so that a slow reader keeps no transaction open."""
    for number in range(-(-(job.size or 0) // PIECE)):
        yield bytes(JobPiece.objects.get(job=job, number=number).content)


def has_result(job: Job) -> bool:
    """Whether there is a result to fetch still."""
    return job.size is not None and job.expires_at is not None and job.expires_at > timezone.now()


def delete_expired() -> None:
    """Delete results that have expired, and jobs that ended long ago."""
    JobPiece.objects.filter(job__expires_at__lte=Now()).delete()
    Job.objects.filter(ended_at__lt=timezone.now() - RETENTION).delete()
