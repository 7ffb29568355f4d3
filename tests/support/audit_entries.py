"""Rows of Ona's audit log as the portal keeps them, for tests and pictures."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.directory.models import Member
from portal.ledger.models import AuditLog

OWN = uuid.UUID(int=0x0ED)


def entry(action: str = "stop environment", *, ago: timedelta = timedelta(minutes=5), **columns: Any) -> AuditLog:
    """An entry of an environment, made by somebody without a name."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "at": timezone.now() - ago,
        "actor_id": uuid.uuid4(),
        "actor_principal": "PRINCIPAL_USER",
        "subject_id": uuid.uuid4(),
        "subject_type": "RESOURCE_TYPE_ENVIRONMENT",
        "action": action,
        "kind": "AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE",
        "kept_at": timezone.now(),
    }
    made = AuditLog.objects.create(**plain | columns)
    return AuditLog.objects.get(pk=made.pk)


def own(action: str = "stop environment", **columns: Any) -> AuditLog:
    """An entry that the account of the portal's token made."""
    return entry(action, **{"actor_id": OWN, "is_own": True} | columns)


def person(name: str, identity: uuid.UUID | None = None) -> Member:
    """Somebody of the organization."""
    now = timezone.now()
    return Member.objects.create(
        id=identity or uuid.uuid4(),
        name=name,
        email=f"{uuid.uuid4().hex[:6]}@acme.example",
        first_seen_at=now,
        seen_at=now,
    )
