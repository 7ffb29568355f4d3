"""Rows of the ledger for tests and pictures, made as the portal makes them, at any time in the past."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from portal.ledger.models import Operation, Outcome

ENVIRONMENT = uuid.UUID("018f3c5a-0000-4000-8000-000000000001")


def operation(
    action: str = "environment.stop",
    *,
    outcome: Outcome = Outcome.SUCCEEDED,
    is_open: bool = False,
    ago: timedelta = timedelta(minutes=5),
    took: timedelta = timedelta(seconds=2),
    was_sent: bool = True,
    **columns: Any,
) -> Operation:
    """An operation asked for `ago`, which ended with `outcome` after `took`, or is open with it."""
    asked_at = timezone.now() - ago
    ends = {name: columns.pop(name) for name in ("code", "message", "request_id", "explanation") if name in columns}
    made = Operation.objects.create(**_plain(action, asked_at) | columns)
    rows = Operation.objects.filter(pk=made.pk)
    if was_sent:
        ends["sent_at"] = asked_at + took / 4
    if not is_open:
        ends["closed_at"] = asked_at + took
    rows.update(outcome=Outcome.PENDING if is_open and outcome == Outcome.SUCCEEDED else outcome, **ends)
    return rows.get()


def _plain(action: str, asked_at: datetime) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "actor_id": 1,
        "actor_name": "ann",
        "action": action,
        "target_type": "environment",
        "target_id": ENVIRONMENT,
        "target_name": "quiet-otter",
        "environment_id": ENVIRONMENT,
        "reason": "nobody uses it",
        "asked_at": asked_at,
    }
