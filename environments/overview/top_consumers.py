"""The owners, projects and classes with the most environments, and the most running time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from environments.list import names
from environments.models.overview import RunningTime
from portal.lists.readers import NONE

from . import running_time
from .counts import Census
from .observed_time import observed_periods, time_within

TOP = 8


def part(at: datetime, census: Census) -> dict[str, Any]:
    """The top owners, projects and classes by number of environments and by running time.

    Running time is in seconds over the last seven days, as far as observed.
    """
    spent = running_time.totals(at)
    dimensions = {name: _dimension(name, census, spent[name]) for name in running_time.KEYS}
    since = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        days=running_time.DAYS - 1
    )
    seen = time_within(observed_periods(since, at), since, at)
    return {
        "observed": seen.total_seconds(), "of": (at - since).total_seconds(), "days": running_time.DAYS,
        "is_measured": bool(spent[RunningTime.OBSERVED]), **dimensions,
    }  # fmt: skip


def _dimension(name: str, census: Census, seconds: dict[str, float]) -> dict[str, Any]:
    counts, now_running = census.groups[name], census.running[name]
    chosen = {"environments": _most(counts.items()), "running time": _most(seconds.items())}
    names = names_of(name, {key for keys in chosen.values() for key in keys})
    return {
        "keys": len(counts),
        "ran": len(seconds),
        **{
            by: [
                {
                    "key": key, "name": names[key], "environments": counts.get(key, 0),
                    "running": now_running.get(key, 0), "seconds": seconds.get(key, 0),
                }
                for key in keys
            ]
            for by, keys in chosen.items()
        },
    }  # fmt: skip


def names_of(dimension: str, keys: Iterable[str]) -> dict[str, str]:
    """The names of owners, projects or classes; "none" for the empty key."""
    keys = list(keys)
    named = names.names_of(dimension)([key or NONE for key in keys])
    return {key: named[key or NONE] for key in keys}


def _most(counted: Iterable[tuple[str, float]]) -> list[str]:
    return [key for key, _ in sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:TOP]]
