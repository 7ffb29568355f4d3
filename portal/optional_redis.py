"""Redis where the portal can do without it: what it keeps is missing then, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

LONGEST_ANSWER = 0.5  # seconds
IGNORED = 5.0  # seconds without Redis after it did not answer: otherwise every request would wait for it
Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class OptionalRedis:
    """A Redis that is asked again only some seconds after it did not answer; `missing` says what is not done then."""

    def __init__(self, url: str, missing: str) -> None:
        self.client = redis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_timeout=LONGEST_ANSWER, socket_connect_timeout=LONGEST_ANSWER
        )
        self._missing = missing
        self._ignored_until = 0.0

    def ask(self, question: Callable[[redis.Redis], Answer]) -> Answer | None:
        """What `question` returns; None without Redis."""
        if time.monotonic() < self._ignored_until:
            return None
        try:
            return question(self.client)
        except (redis.RedisError, OSError) as error:
            self._ignored_until = time.monotonic() + IGNORED
            log.warning("Redis is away", missing=self._missing, error=type(error).__name__)
            return None
