"""Rows of the ledger for tests and pictures, made as the portal makes them, at any time in the past."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from environments.models import Environment
from portal.ledger.models import Operation, Origin, Outcome

ENVIRONMENT = uuid.UUID("018f3c5a-0000-4000-8000-000000000001")
PORTS: dict[str, Any] = {
    "request": {"environmentId": str(ENVIRONMENT), "spec": {"ports": [{"port": 8080, "name": "web"}], "timeout": {}}},
    "reason": "The demo on Friday is for people outside.\nClosed again afterwards, see the calendar.",
    "before": {
        "ports": [
            {"port": 8080, "name": "web", "admission": "ADMISSION_LEVEL_CREATOR_ONLY"},
            {"port": 5432, "name": "database", "protocol": "PROTOCOL_HTTP"},
        ],
        "timeout": {"disconnected": "1800s"},
        "lockdownAt": None,
        "specVersion": "41",
    },
    "after": {
        "ports": [
            {"port": 8080, "name": "web", "admission": "ADMISSION_LEVEL_EVERYONE"},
            {"port": 3000, "name": "api", "protocol": "PROTOCOL_HTTPS"},
        ],
        "timeout": {"disconnected": "10800s"},
        "lockdownAt": "2026-12-24T18:00:00Z",
    },
}
REFUSED: dict[str, Any] = {
    "code": "failed_precondition",
    "message": "environment is locked down and the organization enforces lockdown strictly",
    "request_id": "0af7651916cd43dd8448eb211c80319c",
    "explanation": "Ona refused: it is locked down, and the policy is strict. Move or clear its lockdown first.",
    "reason": "costs: needed again for the release",
}
UNKNOWN: dict[str, Any] = {
    "code": "unreachable",
    "message": "connection reset by peer",
    "explanation": "Ona's answer was never read, and Ona's state does not prove whether it was done.",
    "reason": "cost",
    "took": timedelta(minutes=6),
}


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


def believable(environments: Sequence[Environment]) -> dict[str, Operation]:
    """A fortnight of changes to these environments, one of them named after a script, and the telling ones by name."""
    named = {
        "ports": _on(environments[0], "environment.edit_ports", 3, **PORTS),
        "open": _on(environments[1], "environment.start", 1, is_open=True, actor_name="bo"),
        "unknown": _on(environments[2], "environment.archive", 40, outcome=Outcome.UNKNOWN, **UNKNOWN),
        "failed": _on(environments[3], "environment.start", 55, outcome=Outcome.FAILED, **REFUSED),
        "token": _on(environments[4], "environment.create_logs_token", 80, reason="", request={}),
    }
    _on(environments[5], "environment.delete", 7, outcome=Outcome.UNKNOWN, is_open=True, code="deadline_exceeded")
    _on(environments[6], "secret.update_value", 200, target_type="secret", target_name="NPM_TOKEN", origin=Origin.API)
    _on(environments[7], "environment.rename", 300, target_name="<script>alert(1)</script>", reason="x" * 400)
    _on(environments[8], "environment.create", 400, target_id=None, environment_id=None, outcome=Outcome.FAILED)
    for position in range(30):
        action = ("environment.stop", "environment.set_lockdown", "environment.mark_active")[position % 3]
        _on(environments[position % len(environments)], action, 500 + 600 * position, actor_name=f"user-{position % 4}")
    return named


def _on(environment: Environment, action: str, minutes: int, **columns: Any) -> Operation:
    """An operation on this environment, so many minutes ago."""
    about = {"target_id": environment.pk, "target_name": environment.name, "environment_id": environment.pk}
    return operation(action, ago=timedelta(minutes=minutes), **about | columns)


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
