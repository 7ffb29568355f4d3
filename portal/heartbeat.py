"""The heartbeat of workers: a key in the broker that they renew and that expires."""

from __future__ import annotations

import time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY = "portal:worker-heartbeat"
EXPIRES_SECONDS = 20  # workers renew it every two seconds


def beat(**_: object) -> None:
    """Record that a worker is alive: the receiver of Celery's signal `heartbeat_sent`."""
    with _broker() as broker:
        broker.set(KEY, time.time(), ex=EXPIRES_SECONDS)


def seconds_since_beat() -> float | None:
    """How long ago a worker was last alive; None if longer than the key lives.

    Raises `redis.RedisError` within two seconds if the broker is down.
    """
    with _broker() as broker:
        told = broker.get(KEY)
    return max(0.0, time.time() - float(told)) if isinstance(told, bytes) else None


def _broker() -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, retry=once, socket_timeout=1.0, socket_connect_timeout=1.0)
