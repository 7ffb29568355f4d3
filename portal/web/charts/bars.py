"""Ranked bars: a name, a bar in proportion to the longest one, its value and what else is to be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` and `notes` are words with the addresses behind them (empty: none); `length` is the bar's, `reach` that
    of a lighter one behind it, in any unit. Without a length nothing is drawn; `title` then says why."""

    name: str
    url: str
    value: str
    value_url: str = ""
    length: float = 0
    reach: float = 0
    notes: Sequence[tuple[str, str]] = ()
    title: str = ""
    share: str = ""
    reach_share: str = ""


def scaled(bars: Sequence[Bar]) -> list[Bar]:
    """With their shares of the longest, in percent."""
    most = max((max(bar.length, bar.reach) for bar in bars), default=0) or 1
    return [
        replace(bar, share=f"{100 * bar.length / most:.1f}%", reach_share=f"{100 * bar.reach / most:.1f}%")
        for bar in bars
    ]
