"""The pause that Ona requested (Retry-After), shared by all processes through Redis.

Redis counts it down, so that no clock has to agree with another. Without Redis each process keeps its own pauses.
"""

from __future__ import annotations

import hashlib
import time

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.ona.rate_limit import LocalPause

LONGEST_ANSWER = 0.5  # seconds
IGNORED = 5.0  # seconds without Redis after it did not answer
# a shorter pause does not end a longer one
EXTEND = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
"""
log = structlog.get_logger()


class SharedPause:
    """The pause of requests to one address, in this process and in all others that use this Redis."""

    def __init__(self, redis_url: str, base_url: str) -> None:
        once = Retry(NoBackoff(), 0)
        self._redis = redis.Redis.from_url(
            redis_url, retry=once, socket_timeout=LONGEST_ANSWER, socket_connect_timeout=LONGEST_ANSWER
        )
        self._key = f"portal:ona-pause:{hashlib.sha256(base_url.encode()).hexdigest()[:16]}"
        self._own = LocalPause(time.monotonic)
        self._ignored_until = 0.0

    def left(self) -> float:
        """The seconds that are left."""
        own = self._own.left()
        if self._is_ignored():
            return own
        try:
            milliseconds = self._redis.pttl(self._key)
        except (redis.RedisError, OSError) as error:
            self._ignore(error)
            return own
        return max(own, (milliseconds + 1) / 1000) if isinstance(milliseconds, int) and milliseconds >= 0 else own

    def extend(self, seconds: float) -> None:
        """Lengthen it to `seconds` from now."""
        self._own.extend(seconds)
        milliseconds = int(seconds * 1000)
        if milliseconds < 1:
            return
        try:
            self._redis.eval(EXTEND, 1, self._key, str(milliseconds))
        except (redis.RedisError, OSError) as error:
            self._ignore(error)

    def _is_ignored(self) -> bool:
        return time.monotonic() < self._ignored_until

    def _ignore(self, error: Exception) -> None:
        """Do without Redis for some seconds: every request would wait for it."""
        self._ignored_until = time.monotonic() + IGNORED
        log.warning("Redis is away; pauses that Ona requests are not shared", error=type(error).__name__)
