"""The moment that questions are asked about: now, or one in the past while a page shows the organization as of then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.utils import timezone

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)
_rebuilt: ContextVar[bool] = ContextVar("rebuilt", default=False)


def now() -> datetime:
    """The time that "past", "within 7 days" and "for a month" are reckoned from."""
    return _moment.get() or timezone.now()


def is_past() -> bool:
    """Whether questions are asked as of a past moment, of which nothing changes any more."""
    return _moment.get() is not None


def is_rebuilt() -> bool:
    """Whether rows are read as they were known at a past moment; some of their columns are as now even so."""
    return _rebuilt.get()


@contextmanager
def standing_at(moment: datetime, *, rebuilt: bool = False) -> Iterator[None]:
    """Everything asked within is asked as of `moment`: of the rows of now, or of those of then where they are
    `rebuilt`."""
    token, before = _moment.set(moment), _rebuilt.set(rebuilt)
    try:
        yield
    finally:
        _moment.reset(token)
        _rebuilt.reset(before)


def written(moment: datetime) -> str:
    """As addresses hold it: "2026-10-31T23:59:00Z"."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
