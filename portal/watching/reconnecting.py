"""When a stream that ended is opened again: pure, without clock or random numbers of its own."""

from __future__ import annotations

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
STEADY = 60.0  # who was open so long is opened again after the first pause


def failures_after(failures: int, seconds_open: float) -> int:
    """How many times in a row it failed, after it failed once more and had been open for so long."""
    return 1 if seconds_open >= STEADY else failures + 1


def pause_before(failures: int, dice: float, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures; `dice` is a random number in [0, 1). Ona may request longer."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
    return max(retry_after or 0.0, longest * (0.5 + dice / 2))
