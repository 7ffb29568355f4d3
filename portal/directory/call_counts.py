"""Calls to Ona by RPC and outcome, counted in Redis for all processes together.

Without Redis they are not counted, and calls do not wait for it. Counts that Redis lost begin at zero, as counters of
processes do after a restart.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from portal.optional_redis import OptionalRedis

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
CALLS = "portal:ona-calls"
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one RPC that ended alike. `counts` has one number per bucket and one for longer calls."""

    rpc: str
    code: str
    counts: tuple[int, ...]
    seconds: float


class CallCounts:
    """Counts calls. One hash has the counts by RPC, code and bucket; a key per minute the number of all."""

    def __init__(self, redis_url: str) -> None:
        self._redis = OptionalRedis(redis_url, "calls to Ona are not counted")

    def count(self, rpc: str, code: str, seconds: float) -> None:
        """Count a call; one round trip."""
        minute = _minute(0)
        pipe = self._redis.client.pipeline(transaction=False)
        pipe.hincrby(CALLS, f"{rpc}|{code}|{bisect_left(BUCKETS, seconds)}", 1)
        pipe.hincrbyfloat(CALLS, f"{rpc}|{code}|seconds", round(seconds, 6))
        pipe.incr(minute)
        pipe.expire(minute, 3 * MINUTE)
        self._redis.ask(lambda _: pipe.execute())

    def read(self) -> list[Calls]:
        """All that was counted. Raises `redis.RedisError`."""
        told: Mapping[Any, Any] = self._redis.client.hgetall(CALLS)
        return list(_calls({key.decode(): value for key, value in told.items()}))

    def last_minute(self) -> int:
        """How many calls there were in the last whole minute. Raises `redis.RedisError`."""
        return int(self._redis.client.get(_minute(-1)) or 0)


@cache
def call_counts(redis_url: str) -> CallCounts:
    """The counts of this process."""
    return CallCounts(redis_url)


def _minute(offset: int) -> str:
    return f"{CALLS}:{int(time.time()) // MINUTE + offset}"


def _calls(told: Mapping[str, bytes]) -> Iterator[Calls]:
    for rpc, code in sorted({(rpc, code) for rpc, code, _ in (key.split("|") for key in told)}):
        counts = tuple(int(told.get(f"{rpc}|{code}|{place}", 0)) for place in range(len(BUCKETS) + 1))
        yield Calls(rpc, code, counts, float(told.get(f"{rpc}|{code}|seconds", 0)))
