"""Background jobs over the REST API: the answer to requests that start one, cancelling, and the result.

The list of jobs and one job by its id follow from the list's declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.urls import path, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken
from portal.api.downloads import file_schema
from portal.api.endpoint import endpoint
from portal.api.errors import Problem
from portal.api.listing import one
from portal.api.parameters import refuse_all
from portal.api.schema import problems, row_schema
from portal.jobs import queue
from portal.jobs.list import JOBS
from portal.jobs.models import SEE, Job
from portal.jobs.start import TooManyJobs
from portal.jobs.verification import PERMISSIONS, start_verification
from portal.jobs.views import NO_RESULT, NoResult, find, result_of

ACCEPTED = 202
STARTED = "A background job; its address is in Location. Ask there until it has ended, then fetch result/ below it."
ENDED = "The background job has ended already."
READ_ONLY = "This token only reads: it cannot cancel background jobs."
OF_ONE = OpenApiParameter("job_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
EXAMPLES = [OpenApiExample("job", {"state": "waiting", "words": "Evidence pack as of now"})]
JOB = OpenApiResponse(row_schema(JOBS), STARTED, EXAMPLES)


def accepted(request: Request, start: Callable[[], Job]) -> Response:
    """Start a job; 202 with it and its address, or 429 where the person has too many that are open."""
    try:
        job = start()
    except TooManyJobs as refusal:
        raise Problem("too-many-requests", 429, str(refusal)) from None
    address = request.build_absolute_uri(reverse("api:jobs-list-one", args=[job.pk]))
    return Response(one(JOBS, job), ACCEPTED, headers={"Location": address})


@endpoint(
    "POST",
    SEE,
    operation_id="job_cancel",
    summary="Cancel a background job",
    description="One that waits ends at once, one in progress soon. What it has made so far is not stored.",
    tags=["jobs"],
    parameters=[OF_ONE],
    request=None,
    responses={200: OpenApiResponse(row_schema(JOBS), "The job.", EXAMPLES), **problems(400, 404, 409)},
)
def cancel_one(request: Request, job_id: UUID) -> Response:
    refuse_all(request.query_params)
    if isinstance(request.auth, ApiToken) and request.auth.is_read_only:
        raise PermissionDenied(READ_ONLY)
    job = find(job_id, request.user)
    if not queue.cancel(job, request.user.get_username()):
        raise Problem("not-possible", 409, ENDED)
    job.refresh_from_db()
    return Response(one(JOBS, job))


@endpoint(
    "GET",
    SEE,
    is_file=True,
    operation_id="job_result",
    summary="The result of a background job",
    description="The file that it made, for who requested it, until it expires.",
    tags=["jobs"],
    parameters=[OF_ONE],
    responses={
        **file_schema("application/zip", "An evidence pack, or an export with where it comes from.", "PK…"),
        **file_schema("application/json", "An export.", '{"title": "…", "rows": []}'),
        **file_schema("text/csv", "An export.", "#,title,…"),
        **file_schema("text/plain", "What was verified.", "200,000 entries, …"),
        **problems(400, 404),
    },
)
def result_of_one(request: Request, job_id: UUID) -> HttpResponseBase:
    refuse_all(request.query_params)
    try:
        return result_of(find(job_id, request.user), request.user, request.path)
    except NoResult:
        raise Problem("not-found", 404, NO_RESULT) from None


@endpoint(
    "POST",
    *PERMISSIONS,
    operation_id="operations_verify",
    summary="Verify the ledger's chain",
    description="By a background job, whose result tells in words what was verified and found.",
    tags=["operations"],
    request=None,
    responses={ACCEPTED: JOB, **problems(400)},
)
def verify_chain(request: Request) -> Response:
    refuse_all(request.query_params)
    if isinstance(request.auth, ApiToken) and request.auth.is_read_only:
        raise PermissionDenied("This token only reads: it cannot have the chain verified.")
    return accepted(request, lambda: start_verification(request.user))


urlpatterns: list[Any] = [
    path("operations/verify/", verify_chain, name="verify-chain"),
    path("jobs/<uuid:job_id>/cancel/", cancel_one, name="job-cancel"),
    path("jobs/<uuid:job_id>/result/", result_of_one, name="job-result"),
]
