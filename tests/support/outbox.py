"""Destinations and messages for tests and pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.ona.documents.tokens import Secret
from portal.outbox.channels import PURPOSE
from portal.outbox.events import EVENTS
from portal.outbox.models import Destination, Message
from portal.web.encryption import encrypt

SECRET = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"


def destination(address: str = "https://hooks.acme.example/portal", **columns: Any) -> Destination:
    """A webhook for every event."""
    given = {"name": "hook", "kind": Destination.Kind.WEBHOOK, "events": list(EVENTS), "address": address}
    return Destination.objects.create(**given | {"secret": encrypt(Secret(SECRET), PURPOSE)} | columns)


def message(destination: Destination, /, *, ago: timedelta = timedelta(), **columns: Any) -> Message:
    """A message that an environment began to fail."""
    at = timezone.now() - ago
    content = {"environment_id": "018f3c5a-0000-4000-8000-000000000001", "name": "otter", "field": "failure", "old": "",
               "new": "no space left"}  # fmt: skip
    given = {"kind": "environment.failure", "content": content, "at": at, "due_at": at}
    return Message.objects.create(destination=destination, **given | columns)
