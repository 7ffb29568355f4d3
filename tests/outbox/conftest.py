"""A receiver, destinations, and time that passes at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F

from portal.ona.documents.tokens import Secret
from portal.outbox.channels import PURPOSE
from portal.outbox.events import EVENTS
from portal.outbox.models import Destination, Message
from portal.web.encryption import encrypt

from .receiver import Receiver, receiving

SECRET = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    with receiving() as made:
        settings.WEBHOOK_ORIGINS = [made.origin]
        settings.OUTBOX_TIMEOUT_SECONDS = 0.5
        yield made


def webhook(address: str, **columns: Any) -> Destination:
    """A destination of every event."""
    given = {"name": "hook", "kind": Destination.Kind.WEBHOOK, "events": list(EVENTS), "address": address}
    return Destination.objects.create(**given | {"secret": encrypt(Secret(SECRET), PURPOSE)} | columns)


def let_pass(time: timedelta) -> None:
    """As if so much time had passed for the outbox."""
    Message.objects.update(due_at=F("due_at") - time, first_tried_at=F("first_tried_at") - time)
    columns = ("retry_at", "leased_until", "old_secret_until")
    Destination.objects.update(**{name: F(name) - time for name in columns})
