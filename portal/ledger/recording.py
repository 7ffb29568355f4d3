"""Writing the ledger: a row before the call, a mark when the call is sent, and the outcome.

Each step is one conditional statement in a transaction of its own; its row count tells whether this process did it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Required, TypedDict

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from portal.ona import OnaError
from portal.ona.documents.tokens import Secret
from portal.ona.documents.values import duration_text, timestamp_text
from portal.web.network import client_address, client_browser, current_request

from .models import Operation, Origin, Outcome

NOT_KEPT = "[not kept]"


class RequestContext(TypedDict, total=False):
    """Who requests a change, why, and from where.

    A form carries `operation_id`, so that sending it twice requests it once; `content` is the digest of what was sent
    with it, by which other content under the same id is refused. `made_from` is what the form was made from, by the
    names that the operation's `before` has. `parent_id` is the operation it is a part of. `by_token` names the token
    that requests it; by default it is that of an `actor` who is one (portal.accounts.models.TokenUser). `tells` is the
    e-mail address that is told once it succeeded (portal.outbox).
    """

    actor: Required[User | AbstractBaseUser | AnonymousUser]
    reason: str
    origin: Origin
    by_token: str
    operation_id: uuid.UUID | None
    parent_id: uuid.UUID | None
    content: str
    made_from: Mapping[str, Any] | None
    address: str | None
    browser: str
    tells: str


class OtherContent(Exception):
    """The operation of this id was requested with other content; `args[0]` says so, in words for a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be changed, with its name at the time; `environment_id` is the environment on whose page it shows."""

    type: str
    id: uuid.UUID | None
    name: str
    environment_id: uuid.UUID | None = None


def begin(
    action: str,
    target: Target,
    context: RequestContext,
    *,
    request: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> tuple[Operation, bool]:
    """Commit an operation as pending and return it with True, or return the earlier one of the same id with False.

    PermissionDenied if the id belongs to another request, OtherContent if to this one with other content; RuntimeError
    inside a transaction, whose rollback would remove the row.
    """
    actor = context["actor"]
    token = context.get("by_token") or getattr(actor, "token_words", "")
    asking = current_request()
    columns = {
        "actor_id": actor.pk,
        "actor_name": actor.get_username(),
        "action": action,
        "target_type": target.type,
        "target_id": target.id,
        "target_name": target.name,
        "environment_id": target.environment_id,
        "parent_id": context.get("parent_id"),
        "reason": context.get("reason", "").strip(),
        "origin": context.get("origin", Origin.API if token else Origin.PAGE),
        "token": token,
        "address": client_address(asking) if asking else context.get("address"),
        "browser": client_browser(asking) if asking else context.get("browser", ""),
        "request": plain(request or {}),
        "before": plain(before or {}),
        "after": plain(after or {}),
        "content_digest": context.get("content", ""),
        "tells": context.get("tells", ""),
        "asked_at": timezone.now(),
    }
    with transaction.atomic(durable=True):
        operation, is_new = Operation.objects.get_or_create(
            id=context.get("operation_id") or uuid.uuid4(), defaults=columns
        )
    _refuse_others(operation, action, target, context)
    return operation, is_new


def earlier(action: str, target: Target, context: RequestContext) -> Operation | None:
    """The earlier operation of this id, if any; raises what `begin` does."""
    identifier = context.get("operation_id")
    operation = Operation.objects.filter(pk=identifier).first() if identifier else None
    if operation:
        _refuse_others(operation, action, target, context)
    return operation


def _refuse_others(operation: Operation, action: str, target: Target, context: RequestContext) -> None:
    theirs = (operation.actor_id, operation.action)
    same_place = operation.environment_id == target.environment_id or target.environment_id is None
    same_target = target.id is None or operation.target_id == target.id
    if theirs != (context["actor"].pk, action) or not (same_place and same_target):
        raise PermissionDenied("This form was already used for something else. Open it again and send it once more.")
    content = context.get("content", "")
    if content and operation.content_digest and content != operation.content_digest:
        raise OtherContent(
            f"This form was already sent with other content, at {operation.asked_at:%H:%M:%S} UTC, and that is "
            f"{operation.outcome}. What it holds now was not sent: check it, then send it once more."
        )


def sent(operation: Operation) -> bool:
    """Record that the call is about to leave: from now on only Ona knows whether it was done.

    False if the row is closed or marked already: then the call must not leave.
    """
    marked = Operation.objects.filter(pk=operation.pk, closed_at=None, sent_at=None).update(sent_at=timezone.now())
    operation.refresh_from_db()
    return bool(marked)


def close_unsent(operation: Operation, explanation: str) -> bool:
    """Close the row as failed, unless its call has left: from then on it cannot leave."""
    closed = Operation.objects.filter(pk=operation.pk, closed_at=None, sent_at=None).update(
        outcome=Outcome.FAILED, closed_at=timezone.now(), code="interrupted", explanation=explanation
    )
    operation.refresh_from_db()
    return bool(closed)


def close(operation: Operation, outcome: Outcome, **columns: Any) -> bool:
    """Close the row for good and set `columns`; False if it was closed already."""
    columns |= {"outcome": outcome, "closed_at": timezone.now()}
    closed = Operation.objects.filter(pk=operation.pk, closed_at=None).update(**columns)
    operation.refresh_from_db()
    return bool(closed)


def fail(operation: Operation, error: OnaError, explanation: str) -> bool:
    """Close the row as failed by Ona's refusal; `explanation` is in plain words."""
    return close(operation, Outcome.FAILED, explanation=explanation, **said(error))


def leave_open(operation: Operation, error: OnaError, explanation: str) -> None:
    """Mark the row unknown: Ona may have done it. `reconcile` closes it, or gives up."""
    Operation.objects.filter(pk=operation.pk, closed_at=None).update(
        outcome=Outcome.UNKNOWN, explanation=explanation, **said(error)
    )
    operation.refresh_from_db()


def said(error: OnaError) -> dict[str, str]:
    """What Ona said, as columns."""
    return {"code": error.code, "message": error.message, "request_id": error.request_id or ""}


def plain(value: Any) -> Any:
    """`value` as JSON can hold it, times and durations as Ona writes them; secrets are left out."""
    match value:
        case Secret():
            return NOT_KEPT
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case str() | bool() | int() | float() | None:
            return value.replace("\0", "\ufffd") if isinstance(value, str) else value
        case datetime():
            return timestamp_text(value)
        case timedelta():
            return duration_text(value)
        case Sequence():
            return [plain(each) for each in value]
    return str(value)
