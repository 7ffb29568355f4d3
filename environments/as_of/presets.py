"""Past times that are often asked about, each at the end of a day (UTC)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY, LAST_MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PastTime:
    """A choice: its words, and the address of the page as of then."""

    words: str
    url: str


def past_times(now: datetime, url: Callable[[str], str]) -> list[PastTime]:
    """Yesterday, 7 days ago and the end of last month, each with its `url`."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = {"Yesterday": today, "7 days ago": today - 6 * DAY, "End of last month": today.replace(day=1)}
    times = {label: end - LAST_MINUTE for label, end in ends.items()}
    return [PastTime(f"{label}, {at:%Y-%m-%d %H:%M}", url(f"{at:%Y-%m-%dT%H:%MZ}")) for label, at in times.items()]
