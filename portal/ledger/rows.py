"""The rows of the ledger's list, and its change token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q
from django.urls import reverse

from portal.ledger import labels
from portal.ledger.models import Operation, Outcome

# what a row shows; lists never read the documents
COLUMNS = (
    "actor_name", "action", "target_type", "target_id", "target_name", "environment_id", "reason", "asked_at",
    "closed_at", "outcome", "code", "explanation",
)  # fmt: skip
# Longer than a row takes to be committed: one that is late is older than the newest, but not by this much.
WINDOW = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Row:
    """An operation as lists show it. `took` is None while it is open, `environment_url` empty where there is none."""

    id: UUID
    url: str
    asked_at: datetime
    actor: str
    actor_url: str
    action: str
    target: str
    target_type: str
    environment_url: str
    reason: str
    outcome: str
    tone: str
    code: str
    explanation: str
    took: timedelta | None
    is_open: bool


def operations_of(environment_id: UUID, limit: int = 20) -> list[Row]:
    """The newest operations of an environment, newest first, in one query: for templates/ledger/_of_target.html."""
    operations = Operation.objects.of_environment(environment_id).newest_first().only(*COLUMNS)
    return rows(operations[:limit])


def rows(operations: Iterable[Operation]) -> list[Row]:
    """The lines of these operations, in their order."""
    here = reverse("operations:list")
    return [_row(operation, here) for operation in operations]


def environment_url(operation: Operation) -> str:
    """The page of the environment that an operation is about; empty where it is about none, or none that came to be."""
    environment_id = operation.environment_id
    if environment_id is None and operation.target_type == "environment":
        environment_id = operation.target_id
    return reverse("environments:detail", args=[environment_id]) if environment_id else ""


def _row(operation: Operation, here: str) -> Row:
    return Row(
        id=operation.pk,
        url=f"{here}{operation.pk}/",
        asked_at=operation.asked_at,
        actor=operation.actor_name,
        actor_url=f"{here}?{urlencode({'actor': operation.actor_name})}",
        action=labels.action_words(operation.action),
        target=operation.target_name or str(operation.target_id or ""),
        target_type=operation.target_type,
        environment_url=environment_url(operation),
        reason=operation.reason,
        outcome=labels.outcome_word(operation),
        tone=labels.outcome_tone(operation),
        code=operation.code,
        explanation=operation.explanation,
        took=labels.took(operation),
        is_open=operation.is_open,
    )


def revision() -> str:
    """A text that is another one after any change a list would show; two queries over the newest and the open rows.

    Rows are added, and open ones change until they are closed; closed ones never do.
    """
    newest = Operation.objects.newest_first().values_list("asked_at", flat=True).first()
    if newest is None:
        return "0"
    # a time that is spelled out, unlike one from a subquery, tells Postgres that few rows are after it
    recent, waiting = Q(asked_at__gt=newest - WINDOW), Q(closed_at=None)
    counts = Operation.objects.filter(recent | waiting).aggregate(
        recent=Count("pk", filter=recent),
        waiting=Count("pk", filter=waiting),
        lost=Count("pk", filter=waiting & Q(outcome=Outcome.UNKNOWN)),
    )
    return f"{newest.timestamp():.6f}-{counts['recent']}-{counts['waiting']}-{counts['lost']}"
