"""Errors of the REST API as RFC 9457 has them: what is made of an address below `/api/` never answers with a page."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

PREFIX = "/api/"
CONTENT_TYPE = "application/problem+json"
# a kind is told by the last part of its `type`, which never changes; its title is for people
KINDS: Mapping[str, str] = {
    "invalid-request": "The request cannot be understood",
    "invalid-parameters": "Parameters are not valid",
    "invalid-body": "The body is not valid",
    "not-signed-in": "Authentication is required",
    "not-permitted": "Your roles do not permit this",
    "not-found": "There is nothing at this address",
    "method-not-allowed": "This address does not take this method",
    "not-acceptable": "This address has no such format",
    "not-possible": "This cannot be done now",
    "refused-by-ona": "Ona refused this",
    "key-reused": "The idempotency key belongs to another request",
    "changed-meanwhile": "Somebody else changed this",
    "too-large": "The body is too large",
    "unsupported-media-type": "The body is not JSON",
    "version-required": "The version that you changed is required",
    "too-many-requests": "Too many requests",
    "server-error": "Something went wrong in the portal",
    "ona-unavailable": "Ona cannot be reached",
    "unavailable": "The portal cannot answer now",
}


def type_of(kind: str) -> str:
    """The `type` of a problem."""
    return f"urn:environment-portal:problem:{kind}"


def is_api(request: HttpRequest) -> bool:
    """Whether the request is one of the REST API; its documentation is a page."""
    return request.path.startswith(PREFIX) and not request.path.startswith("/api/docs/")


def problem(kind: str, status: int, detail: str, **members: Any) -> HttpResponse:
    """A problem document; members that are None are left out."""
    told = {"type": type_of(kind), "title": KINDS[kind], "status": int(status), "detail": detail} | members
    content = msgspec.json.encode({name: value for name, value in told.items() if value is not None}, enc_hook=str)
    return HttpResponse(content, status=status, content_type=CONTENT_TYPE)


def problem_of_status(status: int, detail: str) -> HttpResponse:
    """What an error that no endpoint made looks like."""
    kinds = {
        HTTPStatus.BAD_REQUEST: "invalid-request",
        HTTPStatus.FORBIDDEN: "not-permitted",
        HTTPStatus.NOT_FOUND: "not-found",
        HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    }
    return problem(kinds.get(HTTPStatus(status), "server-error"), status, detail)
