"""The time that questions are asked about: now, or a past time while a page shows that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.utils import timezone

_at: ContextVar[datetime | None] = ContextVar("at", default=None)
_is_rebuilt: ContextVar[bool] = ContextVar("is_rebuilt", default=False)


def at() -> datetime:
    """The time that "past", "within 7 days" and "for a month" are counted from."""
    return _at.get() or timezone.now()


def is_rebuilt() -> bool:
    """Whether rows are read as they were at a past time; some of their columns are as of now even so. For this room:
    see `recorded`."""
    return _is_rebuilt.get()


def change_token(current: Callable[[], str]) -> str:
    """The token of what is shown: another one after any change. The past has one, since it never changes."""
    return "past" if _at.get() else current()


@contextmanager
def set_to(at: datetime, *, is_rebuilt: bool = False) -> Iterator[None]:
    """Everything asked within is asked as of `at`: of the rows of now, or of those of then where they are rebuilt."""
    token, before = _at.set(at), _is_rebuilt.set(is_rebuilt)
    try:
        yield
    finally:
        _at.reset(token)
        _is_rebuilt.reset(before)


def written(at: datetime) -> str:
    """As addresses have it: "2026-10-31T23:59:00Z"."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
