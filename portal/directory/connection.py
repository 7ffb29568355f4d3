"""The portal's one connection to Ona: a client per process, made from the settings."""

from __future__ import annotations

import os
from functools import cache

from django.conf import settings

from portal.ona import OnaClient


def ona() -> OnaClient:
    """The client of this process; ValueError where the settings cannot be right."""
    return _client(os.getpid())


@cache
def _client(_process: int) -> OnaClient:
    return OnaClient(
        settings.ONA_API_KEY,
        settings.ONA_BASE_URL,
        requests_per_second=settings.ONA_REQUESTS_PER_SECOND,
        timeout=settings.ONA_TIMEOUT_SECONDS,
    )
