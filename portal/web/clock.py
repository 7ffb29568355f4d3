"""Whether a page speaks of the past: its times are then absolute, since "2 d ago" would be counted from now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_past: ContextVar[bool] = ContextVar("is_past", default=False)


def is_past() -> bool:
    return _is_past.get()


@contextmanager
def of_the_past() -> Iterator[None]:
    """Within, every time is written as it is: rows, templates and messages alike."""
    token = _is_past.set(True)
    try:
        yield
    finally:
        _is_past.reset(token)
