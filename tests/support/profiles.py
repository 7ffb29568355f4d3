"""How much of what has no end is tried: examples of properties, moments of a month whose truth is known.

`make test` tries a third of it; `PORTAL_TESTS=thorough make test` all of it.
"""

from __future__ import annotations

import os

THOROUGH = os.environ.get("PORTAL_TESTS", "") == "thorough"


def examples(number: int) -> int:
    """So many in the thorough profile, and a third of them in the quick one."""
    return number if THOROUGH else -(-number // 3)
