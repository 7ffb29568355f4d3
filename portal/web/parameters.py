"""What pages that are no lists take in their addresses: a view that declares nothing takes nothing. What is not
understood is told above the page (`portal.lists.parameters`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Check = Callable[[str], str]  # why a value is not understood, or nothing
View = TypeVar("View", bound=Callable[..., Any])


def anything(text: str) -> str:
    """The check of a parameter that takes any text, or reports elsewhere what it does not take."""
    return ""


def takes(**checks: Check) -> Callable[[View], View]:
    """Declare the parameters of a view's address."""

    def mark(view: View) -> View:
        view.takes = checks  # type: ignore[attr-defined]
        return view

    return mark
