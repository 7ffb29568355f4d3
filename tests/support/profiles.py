"""How much of what has no end is tried: examples of properties, moments of a month whose truth is known, like cases.

`make test` tries a third of it; `PORTAL_TESTS=thorough make test` all of it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import TypeVar

Case = TypeVar("Case")
THOROUGH = os.environ.get("PORTAL_TESTS", "") == "thorough"


def examples(number: int) -> int:
    """So many in the thorough profile, and a third of them in the quick one."""
    return number if THOROUGH else -(-number // 3)


def some(cases: Iterable[Case]) -> list[Case]:
    """A third of cases that go the same way, drawn again in each run, in their order; all in the thorough profile.

    pytest-randomly seeds the draw: the seed of a run repeats it.
    """
    every = list(cases)
    drawn = sorted(random.sample(range(len(every)), examples(len(every))))
    return [every[place] for place in drawn]


def drawn() -> bool:
    """For one of a stream of such cases: whether it is among the third."""
    return THOROUGH or random.random() < 1 / 3
