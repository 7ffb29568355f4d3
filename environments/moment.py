"""The moment that questions are asked about: now, or one in the past while a page shows the organization as of then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.utils import timezone

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def now() -> datetime:
    """The time that "past", "within 7 days" and "for a month" are reckoned from."""
    return _moment.get() or timezone.now()


def is_past() -> bool:
    """Whether questions are asked as of a past moment, of which nothing changes any more."""
    return _moment.get() is not None


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """Everything asked within is asked as of `moment`."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def written(moment: datetime) -> str:
    """As addresses hold it: "2026-10-31T23:59:00Z"."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
