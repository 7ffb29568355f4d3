"""Evidence packs as background jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from environments.activity.list import STREAM
from environments.as_of.context import AsOf
from environments.audit.query import READ
from environments.evidence.build import PARTS, PackRequest, build_pack
from environments.evidence.forms import PERIODS, EvidenceForm
from environments.evidence.manifest import Manifest
from portal.exports.download import PERMISSION
from portal.jobs.kinds import Arguments, Kind, Made
from portal.jobs.models import Job
from portal.jobs.start import start_job
from portal.jobs.work import JobFailed, Work
from portal.ledger.models import Origin
from portal.ledger.recording import RequestContext
from portal.web.formatting import sentence

PERMISSIONS = (*READ, *STREAM.permissions, PERMISSION)
MEDIA_TYPE = "application/zip"


def start_pack(form: EvidenceForm, actor: Any, origin: Origin) -> Job:
    """Request the pack that a valid form asks for; raises what `start_job` does."""
    asked = form.cleaned_data
    as_of = AsOf(asked["as_of"])
    arguments = {
        "as_of": as_of.text,
        "days": asked["days"],
        "parts": [part for part in PARTS if part in asked["parts"]],
        "reason": asked["reason"],
        "origin": origin.value,
    }
    words = (
        f"Evidence pack as of {f'{as_of.field} UTC' if as_of.at else 'now'}, with {PERIODS[asked['days']]} before it"
    )
    return start_job(kind=EVIDENCE, arguments=arguments, words=words, actor=actor)


def _run(work: Work, arguments: Arguments) -> Made:
    as_of = AsOf.read(arguments["as_of"])
    if as_of.problem:
        raise JobFailed(f"{sentence(as_of.problem.message)}.")
    period = timedelta(days=int(arguments["days"]))
    request = PackRequest((as_of.at or timezone.now()) - period, as_of.at, tuple(arguments["parts"]))
    context: RequestContext = {
        "actor": work.actor,
        "reason": arguments["reason"],
        "origin": Origin(arguments["origin"]),
        "address": work.job.address,
        "browser": work.job.browser,
    }
    manifest = build_pack(request, context, work.file, work)
    return Made(file_name(manifest), MEDIA_TYPE)


def file_name(manifest: Manifest) -> str:
    """The name of a pack's file."""
    return f"evidence-{manifest.moment:%Y-%m-%dT%H%M%SZ}.zip"


EVIDENCE = Kind(name="evidence", label="Evidence pack", permissions=lambda arguments: PERMISSIONS, run=_run)
