"""Views that ask again who is there: what they do is worth more than a session that somebody left open.

A room declares it; portal.accounts.step_up asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

View = TypeVar("View", bound=Callable[..., object])


def asks_again(*methods: str) -> Callable[[View], View]:
    """Mark a view that asks at these methods: "POST" for a form, "GET" for a file to keep."""

    def mark(view: View) -> View:
        view.asks_again_at = methods  # type: ignore[attr-defined]
        return view

    return mark
