"""Verifying the ledger's chain now, besides the schedule."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from portal.jobs.kinds import Arguments, Kind, Made
from portal.jobs.models import Job
from portal.jobs.start import start_job
from portal.jobs.work import Work
from portal.ledger.chain import kept_verifications, verify
from portal.ledger.models import AccessEntry, Operation

# those of the ledger and of the access log, whose entries findings name
PERMISSIONS = ("ledger.view_operation", "ledger.read_access_log")


def start_verification(actor: Any) -> Job:
    """Request a verification; raises what `start_job` does."""
    return start_job(kind=VERIFICATION, arguments={}, words="Verification of the ledger's chain", actor=actor)


def _run(work: Work, arguments: Arguments) -> Made:
    """The result is stored for `/operations/` as that of the schedule is; the file has every finding in words."""
    started_at, head = timezone.now(), verify.head()
    entries = (head.sequence or 0) if head else 0
    work.begin("The ledger's chain", entries + Operation.objects.count() + AccessEntry.objects.count())
    report = kept_verifications.verify(counted=work.counted)
    kept_verifications.keep(report, started_at)
    work.file.write("".join(f"{line}\n" for line in kept_verifications.in_words(report)).encode())
    return Made(f"ledger-verification-{started_at:%Y-%m-%dT%H%M%SZ}.txt", "text/plain; charset=utf-8")


VERIFICATION = Kind(
    name="verification", label="Ledger verification", permissions=lambda arguments: PERMISSIONS, run=_run
)
