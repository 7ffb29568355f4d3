"""The connections to Ona: two clients per process, configured by the settings."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from django.conf import settings

from portal.directory.call_counts import call_counts
from portal.directory.shared_pause import SharedPause
from portal.ona import OnaClient
from portal.ona.connection import checked_token

_last_read: dict[str, str] = {}  # by the path of the file


def ona() -> OnaClient:
    """The client of this process; ValueError if the settings are invalid."""
    return _client(os.getpid(), settings.ONA_TIMEOUT_SECONDS, 5)


def ona_now() -> OnaClient:
    """The client for interactive requests: it gives up soon, and people decide whether to retry."""
    return _client(os.getpid(), min(settings.ONA_ACTION_SECONDS, settings.ONA_TIMEOUT_SECONDS), 1)


def current_token() -> str:
    """The portal's token for Ona as it is now: in the file of PORTAL_ONA_TOKEN_FILE, else in ONA_API_KEY; or "".

    While the file is absent or being written, the token that was last read from it.
    """
    path = settings.ONA_TOKEN_FILE
    if not path:
        return str(settings.ONA_API_KEY).strip()
    with suppress(OSError, ValueError):
        _last_read[path] = checked_token(Path(path).read_text()).reveal()
    return _last_read.get(path, "")


@cache
def _client(_process: int, timeout: float, attempts: int) -> OnaClient:
    return OnaClient(
        current_token,
        settings.ONA_BASE_URL,
        requests_per_second=settings.ONA_REQUESTS_PER_SECOND,
        timeout=timeout,
        attempts=attempts,
        pause=SharedPause(settings.REDIS_URL, settings.ONA_BASE_URL),
        on_call=call_counts(settings.REDIS_URL).count,
    )
