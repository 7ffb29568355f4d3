"""Request a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from portal.jobs.kinds import Kind
from portal.jobs.models import Job
from portal.jobs.tasks import run_jobs
from portal.web.network import client_address, client_browser, current_request
from portal.web.permissions import explain_roles

MAX_OPEN = 5  # of one person
log = structlog.get_logger()


class TooManyJobs(Exception):
    """The person has as many jobs that have not ended as there may be; `args[0]` says so."""


def start_job(*, kind: Kind, arguments: Mapping[str, Any], words: str, actor: Any) -> Job:
    """Request a job and wake a worker; the same that is open already is not requested again.

    Raises PermissionDenied, and TooManyJobs. `words` say to people what is made.
    """
    needed = kind.permissions(arguments)
    if not actor.has_perms(needed):
        raise PermissionDenied(explain_roles(actor, needed, kind.label))
    token = getattr(actor, "token", None)
    own = Job.objects.open().filter(owner_id=actor.pk)
    same = own.filter(kind=kind.name, token=token, arguments=arguments).first()
    if same:
        return same
    if (count := own.count()) >= MAX_OPEN:
        raise TooManyJobs(f"{count} of your background jobs have not ended. Wait for one, or cancel one.")
    asking, now = current_request(), timezone.now()
    job = Job.objects.create(
        kind=kind.name, words=words, arguments=arguments, owner_id=actor.pk, token=token,
        address=client_address(asking) if asking else None, browser=client_browser(asking) if asking else "",
        requested_at=now, changed_at=now,
    )  # fmt: skip
    transaction.on_commit(wake)
    return job


def wake() -> None:
    """Have a worker look for jobs now; without a broker one does when the schedule says so."""
    try:
        run_jobs.apply_async(retry=False, expires=60)
    except OperationalError as error:
        log.warning("worker not woken", error=str(error))
