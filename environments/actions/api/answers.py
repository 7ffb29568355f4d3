"""What a POST is answered: the operation, once closed, or where to follow it; or why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse
from rest_framework.response import Response

from environments.actions.execute import Conflict, NotPossible
from portal.api.errors import Problem
from portal.api.listing import one
from portal.ledger.list import OPERATIONS
from portal.ledger.models import Operation, Outcome

AWAY = frozenset({"unavailable", "unreachable", "not_ona", "configuration", "unauthenticated", "malformed_answer"})
OURS = frozenset({NotPossible.code, "interrupted", "conflict"})


def answer(operation: Operation, **more: Any) -> HttpResponseBase:
    """200 with the closed operation, 202 with its address while it is open; raises Problem if it failed."""
    if operation.outcome == Outcome.FAILED:
        raise _failure(operation)
    told = one(OPERATIONS, operation)
    where = {"Location": reverse("api:operations-list-one", args=[operation.pk])}
    if operation.closed_at is None:
        return Response(told, status=202, headers=where)
    return Response({**told, **more}, headers=where)


def _failure(operation: Operation) -> Problem:
    """Ona's code and request id belong to what Ona refused; the operation tells the rest."""
    told: dict[str, Any] = {"operation": one(OPERATIONS, operation)}
    said = " ".join(filter(None, (operation.explanation, operation.message))) or "This failed."
    if operation.code == Conflict.code:
        return changed_meanwhile(said, {}, operation.before, operation.after, **told)
    if operation.code in OURS:
        return Problem("not-possible", 409, said, **told)
    told |= {"code": operation.code or None, "request_id": operation.request_id or None}
    if operation.code in AWAY:
        return Problem("ona-unavailable", 503, said, **told)
    return Problem("refused-by-ona", 409, said, **told)


def changed_meanwhile(
    said: str, before: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any], **told: Any
) -> Problem:
    """412: what the request was made from, what Ona has now, and what was requested."""
    return Problem("changed-meanwhile", 412, said, before=dict(before), theirs=dict(theirs), mine=dict(mine), **told)
