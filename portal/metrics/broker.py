"""What Redis has: calls to Ona, the queue of the workers, and heartbeats. Without Redis there are no samples."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import redis
from django.conf import settings
from prometheus_client.core import Metric
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.directory.call_counts import BUCKETS, MINUTE, call_counts
from portal.heartbeat import seconds_since_beats
from portal.metrics.families import gauge, histogram, single

T = TypeVar("T")


def calls() -> Iterator[Metric]:
    """Calls to Ona, and how much of the rate limit they use."""
    counts = call_counts(settings.REDIS_URL)
    found = [((each.rpc, each.code), each.counts, each.seconds) for each in _or_none(counts.read) or []]
    means = "Calls to Ona, each attempt by itself, by RPC and Connect code."
    yield histogram("ona_call_seconds", means, ("rpc", "code"), BUCKETS, found)
    last_minute, limit = _or_none(counts.last_minute), settings.ONA_REQUESTS_PER_SECOND
    used = None if last_minute is None else last_minute / (MINUTE * limit)
    means = "Calls in the last whole minute, of what one process may send (ONA_REQUESTS_PER_SECOND)."
    yield single("ona_request_budget_used_ratio", means, used)


def queue() -> Iterator[Metric]:
    """Messages that wait for a worker. When nothing waits, the oldest has waited for no time."""
    waiting = _or_none(_waiting)
    yield single("queue_messages", "Messages that wait for a worker.", waiting[0] if waiting else None)
    means = "How long the oldest message has waited for a worker."
    yield single("queue_oldest_message_seconds", means, waiting[1] if waiting else None)
    beats = _or_none(seconds_since_beats) or {}
    means = "How long ago worker and scheduler were last alive; absent after 20 seconds."
    found = {(part.value,): seconds for part, seconds in beats.items() if seconds is not None}
    yield gauge("heartbeat_age_seconds", means, ("part",), found)


def _waiting() -> tuple[float, float | None]:
    name = settings.CELERY.get("task_default_queue", "celery")
    once = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(settings.REDIS_URL, retry=once, socket_timeout=1.0, socket_connect_timeout=1.0) as broker:
        length, oldest = broker.pipeline().llen(name).lindex(name, -1).execute()
    return float(length), _age(oldest)


def _age(message: bytes | None) -> float | None:
    """Since a message was sent (portal.celery.note_when_sent); None if it does not tell."""
    if message is None:
        return 0.0
    try:
        sent_at = json.loads(message)["headers"]["sent_at"]
    except (ValueError, KeyError, TypeError):
        return None
    return max(0.0, time.time() - sent_at) if isinstance(sent_at, int | float) else None


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (redis.RedisError, OSError):
        return None
