"""A POST that is sent again under its `Idempotency-Key` gets the answer of the first one, for a day and for its actor.

The key makes the id of the operation, as the hidden field of a form does on pages: the ledger then knows the rest.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from portal.api.errors import Problem
from portal.ledger.models import Operation, Origin
from portal.ledger.recording import RequestContext

SALT = "environments.actions.api.sending"
NAMESPACE = uuid.UUID("5a6f0a3e-8c1b-4a55-9a43-6d6f0b1c7e20")
HONOURED = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
REUSED = "This Idempotency-Key was sent with another request less than a day ago. Nothing was done: send a new key."
BAD_KEY = "An Idempotency-Key has 1 to 255 printable characters of ASCII, without blanks."


@dataclass(frozen=True, slots=True)
class Sending:
    """The operation that a POST is, and the digest of what it sends where."""

    operation_id: uuid.UUID
    content: str
    earlier: Operation | None

    @classmethod
    def of(cls, request: Request, body: dict[str, Any]) -> Sending:
        """Raises Problem for a key that makes no sense, or belongs to another request."""
        content = salted_hmac(
            SALT, msgspec.json.encode([request.path, body], order="sorted"), algorithm="sha256"
        ).hexdigest()
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return cls(uuid.uuid4(), content, None)
        if not KEY.fullmatch(key):
            raise Problem("invalid-request", 400, BAD_KEY)
        for operation_id in _ids(f"{request.user.pk} {key}"):
            earlier = Operation.objects.filter(pk=operation_id).first()
            if earlier is None or earlier.asked_at > timezone.now() - HONOURED:
                break
        if earlier and earlier.content_digest != content:
            raise Problem("key-reused", 409, REUSED)
        return cls(operation_id, content, earlier)

    def context(self, actor: Any) -> RequestContext:
        """Who requests it, and under which id; the form adds its reason."""
        return {
            "actor": actor,
            "operation_id": self.operation_id,
            "content": self.content,
            "origin": Origin.API,
        }


def _ids(name: str) -> Iterator[uuid.UUID]:
    """The ids of a key, one for each time that it is used after its day."""
    number = 0
    while True:
        yield uuid.uuid5(NAMESPACE, f"{name} {number}")
        number += 1
