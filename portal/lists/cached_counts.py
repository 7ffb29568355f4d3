"""Counts that read a whole table, cached for a minute or until a row changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec
import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

log = structlog.get_logger()
CACHED_SECONDS = 60
T = TypeVar("T")


def cached(kind: str, asked: str, shape: type[T], count: Callable[[], T]) -> T:
    """Return `count()`, which has this type, cached by kind and `asked`, which includes the change token.

    Counts again without a cache, and if what is cached has another form.
    """
    key = f"{kind}:{hashlib.sha256(asked.encode()).hexdigest()}"
    with suppress(RedisError, msgspec.DecodeError):
        found = cache.get(key)
        if found is not None:
            return msgspec.convert(found, shape)
    counted = count()
    try:
        cache.set(key, counted, CACHED_SECONDS)
    except RedisError as error:
        log.warning("counts_not_cached", kind=kind, error=str(error))
    return counted
