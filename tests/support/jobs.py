"""Background jobs: rows, and jobs run here instead of by a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from portal.jobs import run
from portal.jobs.models import Job, JobState
from tests.support import factories


def job(*, ago: timedelta = timedelta(0), **columns: Any) -> Job:
    """A job that failed, of somebody's, unless `columns` say otherwise."""
    at = timezone.now() - ago
    plain = {
        "kind": "evidence", "words": "Evidence pack as of now", "state": JobState.FAILED, "why": "There was no memory.",
        "requested_at": at, "changed_at": at,
    }  # fmt: skip
    owner = columns.pop("owner", None) or factories.user("Auditor")
    return Job.objects.create(owner=owner, **(plain | columns))


def run_next() -> bool:
    """Run the next job. Its lease is not renewed: no other connection sees what a test's transaction wrote."""
    with patch.object(run, "RENEWED_SECONDS", 3600.0):
        return run.run_next()
