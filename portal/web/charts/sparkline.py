"""The line in a figure: how it was lately, without axis and values."""

from __future__ import annotations

from collections.abc import Sequence


def points(values: Sequence[float | None]) -> str:
    """The points of a polyline in 100 × 20, None left out; empty with fewer than two of them."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    top = max(value for _, value in known) or 1
    last = len(values) - 1
    return " ".join(f"{100 * place / last:.1f},{19 - 15 * value / top:.1f}" for place, value in known)
