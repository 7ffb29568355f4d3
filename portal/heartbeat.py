"""The heartbeats of workers and scheduler: keys in the broker that they renew and that expire."""

from __future__ import annotations

import time
from enum import StrEnum

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

EXPIRES_SECONDS = 20  # workers renew theirs every two seconds, the scheduler every five


class Part(StrEnum):
    """A part of the portal that nobody sees while it works."""

    WORKER = "worker"
    SCHEDULER = "scheduler"

    @property
    def key(self) -> str:
        """Its key in the broker."""
        return f"portal:{self.value}-heartbeat"


def beat(part: Part) -> bool:
    """Record that a part is alive; False if nobody had, since the key expired or the broker lost it.

    Raises `redis.RedisError` within two seconds if the broker is down.
    """
    with _broker() as broker:
        return broker.set(part.key, time.time(), ex=EXPIRES_SECONDS, get=True) is not None


def seconds_since_beats() -> dict[Part, float | None]:
    """How long ago each part was last alive; None if longer than its key lives. Raises as `beat`."""
    with _broker() as broker:
        told = broker.mget([part.key for part in Part])
    now = time.time()
    return {
        part: max(0.0, now - float(at)) if isinstance(at, bytes) else None for part, at in zip(Part, told, strict=True)
    }


def _broker() -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, retry=once, socket_timeout=1.0, socket_connect_timeout=1.0)
