"""`/jobs/`: how far a job has come, its end, and its result."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from portal.exports.download import HEADERS
from portal.jobs import queue, results
from portal.jobs.kinds import KINDS
from portal.jobs.list import row_of
from portal.jobs.models import SEE, Job
from portal.jobs.start import TooManyJobs
from portal.jobs.verification import PERMISSIONS, start_verification
from portal.web.confirming import asks_again
from portal.web.htmx import render_page
from portal.web.permissions import explain_roles, permission

NOT_YOURS = "Only who requested a background job can fetch its result."
NO_RESULT = "This background job has no result, or it has expired. Request it again."


class NoResult(Exception):
    """There is nothing to fetch, yet or any more."""


@permission(SEE)
@require_GET
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The job; while it is open, the page asks for news of it."""
    found = find(job_id, request.user)
    context = {"row": row_of(found), "is_own": found.owner_id == request.user.pk}
    return render_page(request, "jobs/job.html", "jobs/_job.html", context)


@permission(SEE)
@require_POST
def job_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancel it: one's own, or anybody's for those who oversee them."""
    if not queue.cancel(find(job_id, request.user), request.user.get_username()):
        messages.info(request, "There was nothing left to cancel.")
    return redirect("jobs:job", job_id)


@permission(*PERMISSIONS, subject="Verifications")
@require_POST
def verify_chain(request: HttpRequest) -> HttpResponse:
    """Verify the ledger's chain by a job."""
    try:
        return redirect("jobs:job", start_verification(request.user).pk)
    except TooManyJobs as refusal:
        messages.error(request, str(refusal))
        return redirect("jobs:list")


@asks_again("GET")
@require_GET
@permission(SEE)
def job_result(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The result as a file, until it expires."""
    try:
        return result_of(find(job_id, request.user), request.user, request.path)
    except NoResult:
        messages.info(request, NO_RESULT)
        return redirect("jobs:job", job_id)


def find(job_id: UUID, user: Any) -> Job:
    """The job; Http404 if there is none that this person may see."""
    found = Job.objects.seen_by(user).filter(pk=job_id).select_related("owner").first()
    if found is None:
        raise Http404("The portal has no such background job of yours.")
    return found


def result_of(found: Job, user: Any, path: str) -> StreamingHttpResponse:
    """The result as an answer; the access log tells its path and what it is. Raises NoResult, and PermissionDenied for
    others than who requested it, and for those who no longer have the rights that it needs."""
    kind = KINDS.get(found.kind)
    if found.owner_id != user.pk:
        raise PermissionDenied(NOT_YOURS)
    if kind is None or not results.has_result(found):
        raise NoResult
    needed = kind.permissions(found.arguments)
    if not user.has_perms(needed):
        raise PermissionDenied(explain_roles(user, needed, kind.label))
    answer = StreamingHttpResponse(results.read(found), content_type=found.media_type, headers=HEADERS)
    answer["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    answer["Content-Length"] = str(found.size)
    answer.recorded_as = f"{path} ({found.words})"  # type: ignore[attr-defined]  # for the access log
    return answer


def topic_token(job_id: str) -> str:
    """When the job was last changed; ValueError for what is no id, empty for a job that is no longer there."""
    changed_at = Job.objects.filter(pk=UUID(job_id)).values_list("changed_at", flat=True).first()
    return changed_at.isoformat() if changed_at else "none"
