"""The connections to Ona: two clients per process, configured by the settings."""

from __future__ import annotations

import os
from functools import cache

from django.conf import settings

from portal.directory.call_counts import call_counts
from portal.directory.shared_pause import SharedPause
from portal.ona import OnaClient


def ona() -> OnaClient:
    """The client of this process; ValueError if the settings are invalid."""
    return _client(os.getpid(), settings.ONA_TIMEOUT_SECONDS, 5)


def ona_now() -> OnaClient:
    """The client for interactive requests: it gives up soon, and people decide whether to retry."""
    return _client(os.getpid(), min(settings.ONA_ACTION_SECONDS, settings.ONA_TIMEOUT_SECONDS), 1)


@cache
def _client(_process: int, timeout: float, attempts: int) -> OnaClient:
    return OnaClient(
        settings.ONA_API_KEY,
        settings.ONA_BASE_URL,
        requests_per_second=settings.ONA_REQUESTS_PER_SECOND,
        timeout=timeout,
        attempts=attempts,
        pause=SharedPause(settings.REDIS_URL, settings.ONA_BASE_URL),
        on_call=call_counts(settings.REDIS_URL).count,
    )
