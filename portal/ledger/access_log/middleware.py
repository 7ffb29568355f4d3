"""What every request can lead to an entry of the access log with: a refusal, or a file."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase

from portal.ledger.access_log.recording import REPEATED, record_access
from portal.ledger.models import AccessKind
from portal.web.network import answering

FORBIDDEN, OK = 403, 200
NOT_ALLOWED = "The roles of the account do not allow it, or its form was not sent from a page of this portal."
log = structlog.get_logger(__name__)


class AccessRecorded:
    """Tells what is beneath it which request is being answered, and records refusals (403) and downloads.

    An answer that is a file (Content-Disposition: attachment) is a download, whichever view made it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and record what came of it."""
        with answering(request):
            response = self.get_response(request)
            if response.status_code == FORBIDDEN:
                _record_refusal(request)
            elif response.status_code == OK and response.get("Content-Disposition", "").startswith("attachment"):
                _record_download(request, response)
        return response


def _record_download(request: HttpRequest, response: HttpResponseBase) -> None:
    """What cannot be recorded is not sent; an export that is not sent gives its place back. An answer whose address
    does not tell what it is says it in `recorded_as`."""
    subject = getattr(response, "recorded_as", request.get_full_path())
    try:
        record_access(AccessKind.DOWNLOADED, actor=request.user, subject=subject)
    except DatabaseError:
        response.close()
        raise


def _record_refusal(request: HttpRequest) -> None:
    """A refusal stays one if it cannot be recorded. Signed-out visitors are asked to sign in instead."""
    try:
        if request.user.is_authenticated:
            record_access(
                AccessKind.REFUSED, actor=request.user, subject=f"{request.method} {request.path}",
                refused_because=NOT_ALLOWED, once_within=REPEATED,
            )  # fmt: skip
    except DatabaseError as error:
        log.warning("refusal not recorded", error=type(error).__name__)
