"""What somebody looks at: open pages mark it in Redis for as long as they are open."""

from __future__ import annotations

import time
from contextlib import suppress

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY = "portal:looked-at"
MARKED_SECONDS = 180.0  # an open page marks it every two minutes
OVERVIEW = "overview"


def mark(name: str) -> None:
    """Somebody looks at `name`: an environment's id, or OVERVIEW. Without Redis nothing is marked."""
    now = time.time()
    with suppress(redis.RedisError, OSError), _broker() as broker:
        pipeline = broker.pipeline()
        pipeline.zadd(KEY, {name: now})
        pipeline.zremrangebyscore(KEY, "-inf", now - MARKED_SECONDS)
        pipeline.expire(KEY, int(MARKED_SECONDS))
        pipeline.execute()


def names() -> list[str]:
    """What is marked, the newest mark first. Raises `redis.RedisError` within two seconds if the broker is down."""
    with _broker() as broker:
        found = broker.zrevrangebyscore(KEY, "+inf", time.time() - MARKED_SECONDS)
    return [each.decode() for each in found]


def _broker() -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, retry=once, socket_timeout=1.0, socket_connect_timeout=1.0)
