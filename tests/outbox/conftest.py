"""A receiver, destinations, and time that passes at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models import F

from portal.outbox.models import Destination, Message

from .receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    with receiving() as made:
        settings.WEBHOOK_ORIGINS = [made.origin]
        settings.OUTBOX_TIMEOUT_SECONDS = 0.5
        yield made


def let_pass(time: timedelta) -> None:
    """As if so much time had passed for the outbox."""
    Message.objects.update(due_at=F("due_at") - time, first_tried_at=F("first_tried_at") - time)
    columns = ("retry_at", "leased_until", "old_secret_until")
    Destination.objects.update(**{name: F(name) - time for name in columns})
