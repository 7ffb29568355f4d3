"""The pause that Ona requested (Retry-After), shared by all processes through Redis.

Redis counts it down, so that no clock has to agree with another. Without Redis each process keeps its own pauses.
"""

from __future__ import annotations

import hashlib
import time

from portal.ona.rate_limit import LocalPause
from portal.optional_redis import OptionalRedis

# a shorter pause does not end a longer one
EXTEND = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
"""


class SharedPause:
    """The pause of requests to one address, in this process and in all others that use this Redis."""

    def __init__(self, redis_url: str, base_url: str) -> None:
        self._redis = OptionalRedis(redis_url, "pauses that Ona requests are not shared")
        self._key = f"portal:ona-pause:{hashlib.sha256(base_url.encode()).hexdigest()[:16]}"
        self._own = LocalPause(time.monotonic)

    def left(self) -> float:
        """The seconds that are left."""
        own, milliseconds = self._own.left(), self._redis.ask(lambda client: client.pttl(self._key))
        return max(own, (milliseconds + 1) / 1000) if isinstance(milliseconds, int) and milliseconds >= 0 else own

    def extend(self, seconds: float) -> None:
        """Lengthen it to `seconds` from now."""
        self._own.extend(seconds)
        milliseconds = int(seconds * 1000)
        if milliseconds >= 1:
            self._redis.ask(lambda client: client.eval(EXTEND, 1, self._key, str(milliseconds)))
