"""Counts of an audit, kept for a minute or until an environment changes: each of them reads the whole table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from environments.audit.query import AuditState

log = structlog.get_logger()
KEPT_SECONDS = 60
T = TypeVar("T")


def kept(state: AuditState, part: str, count: Callable[[], T]) -> T:
    """What `count` answers for this audit, its filters and its policy; counted anew where the cache is away."""
    asked = f"{part} {state.audit.slug} {state.listed.place.key} {state.policy} {state.revision}"
    key = f"audit:{hashlib.sha256(asked.encode()).hexdigest()}"
    with suppress(RedisError):
        found: T | None = cache.get(key)
        if found is not None:
            return found
    counted = count()
    try:
        cache.set(key, counted, KEPT_SECONDS)
    except RedisError as error:
        log.warning("audit_counts_not_kept", error=str(error))
    return counted
