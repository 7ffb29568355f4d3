"""Errors of the REST API: one tree of exceptions, and what each of them is answered.

    Problem                 what an endpoint refuses itself
    ├── InvalidParameters   400, each parameter with its message
    └── InvalidBody         422 (400 where it is no object at all), each field with its JSON pointer

Whatever else happens in an endpoint (Django's and DRF's exceptions, an outage of the database) gets a document of the
same form here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from portal.web import outages
from portal.web.problems import problem

SIGN_IN = "Sign in, or send a token: Authorization: Bearer …"
NOT_FOUND = "There is nothing at this address, or you may not see it."
KINDS: Mapping[type[exceptions.APIException], str] = {
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.ParseError: "invalid-body",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.Throttled: "too-many-requests",
    exceptions.PermissionDenied: "not-permitted",
}


class Problem(Exception):
    """What an endpoint refuses: a kind of `portal.web.problems`, its status, and what it says."""

    def __init__(self, kind: str, status: int, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.kind, self.status, self.detail, self.members = kind, status, detail, members


class InvalidParameters(Problem):
    """Parameters by name with what is wrong with each."""

    def __init__(self, found: Sequence[tuple[str, str]]) -> None:
        errors = [{"parameter": name, "detail": message} for name, message in found]
        detail = " ".join(f"{name}: {message.removesuffix('.')}." for name, message in found)
        super().__init__("invalid-parameters", 400, detail, errors=errors)


class InvalidBody(Problem):
    """Fields by JSON pointer with what is wrong with each; the empty pointer is the whole body."""

    def __init__(self, found: Sequence[tuple[str, str]], status: int = 422) -> None:
        errors = [{"pointer": f"#{pointer}", "detail": message} for pointer, message in found]
        super().__init__("invalid-body", status, " ".join(message for _, message in found), errors=errors)


def answer_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER; None for a failure of the portal's own, which is logged and answered 500."""
    match error:
        case Problem():
            return problem(error.kind, error.status, error.detail, **error.members)
        case Http404():
            return problem("not-found", 404, str(error.args[0]) if error.args else NOT_FOUND)
        case PermissionDenied():
            return problem("not-permitted", 403, str(error) or "Your roles do not let you do this.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return _not_signed_in(error)
        case exceptions.APIException():
            return _of_framework(error)
    outage = outages.outage_of(error)
    return outages.answer(context["request"]._request, outage) if outage else None


def _not_signed_in(error: exceptions.APIException) -> HttpResponse:
    detail = SIGN_IN if isinstance(error, exceptions.NotAuthenticated) else str(error.detail)
    response = problem("not-signed-in", 401, detail)
    response["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


def _of_framework(error: exceptions.APIException) -> HttpResponse:
    kind = next((kind for cls, kind in KINDS.items() if isinstance(error, cls)), "invalid-request")
    response = problem(kind, error.status_code, str(error.detail))
    wait: float | None = getattr(error, "wait", None)  # of Throttled, in seconds
    if wait is not None:
        response["Retry-After"] = str(ceil(wait))
    return response
