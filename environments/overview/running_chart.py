"""Charts of environments over a day, a week, a month or a quarter, from hourly snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from environments.models import Phase
from environments.models.overview import Snapshot
from portal.web.formatting import phase_word

from .counts import HOUR, hour_of
from .top_consumers import names_of

Counts = Mapping[str, float]
SERIES = 6  # distinct series; the others are combined
OTHERS = "others"
EXCLUDED_PHASES = (Phase.STOPPED, Phase.DELETED, "")  # phases without cost, which would dwarf the others
RETENTION = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Period:
    """The length of a chart: slots, and hours per slot."""

    name: str
    slots: int
    hours: int

    @property
    def length(self) -> timedelta:
        return self.slots * self.hours * HOUR


PERIODS = {
    period.name: period
    for period in (Period("day", 24, 1), Period("week", 56, 3), Period("month", 60, 12), Period("quarter", 91, 24))
}
DIMENSIONS = {
    "phase": Snapshot.Dimension.PHASE,
    "project": Snapshot.Dimension.PROJECT,
    "class": Snapshot.Dimension.CLASS,
}


@dataclass(frozen=True, slots=True)
class Slot:
    """Some hours with the mean counts of the observed ones; None if there are none."""

    begin: datetime
    observed: int
    counts: Counts | None


def slots(period: Period, hours: Mapping[datetime, Counts], at: datetime) -> list[Slot]:
    """The slots up to and including that of `at`, aligned to midnight (UTC), oldest first."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    size = period.hours * HOUR
    end = midnight + ((at - midnight) // size + 1) * size
    return [_slot(end - back * size, period.hours, hours) for back in range(period.slots, 0, -1)]


def _slot(begin: datetime, size: int, hours: Mapping[datetime, Counts]) -> Slot:
    seen = [hours[hour] for each in range(size) if (hour := begin + each * HOUR) in hours]
    if not seen:
        return Slot(begin, 0, None)
    keys = {key for counts in seen for key in counts}
    return Slot(begin, len(seen), {key: sum(counts.get(key, 0) for counts in seen) / len(seen) for key in keys})


def rank_keys(slots_found: Sequence[Slot]) -> list[str]:
    """The keys by their sum over the period, highest first."""
    sums: dict[str, float] = {}
    for slot in slots_found:
        for key, count in (slot.counts or {}).items():
            sums[key] = sums.get(key, 0) + count
    return sorted(sums, key=lambda key: (-sums[key], key))


def part(period: Period, by: str, hours: Mapping[datetime, Counts], at: datetime) -> dict[str, Any]:
    """A chart for the page: series in order, and the values of each slot in that order (None: not observed)."""
    slots_found = slots(period, hours, at)
    keys = rank_keys(slots_found)
    shown = keys if len(keys) <= SERIES + 1 else keys[:SERIES]
    names = {key: phase_word(key) for key in shown} if by == "phase" else names_of(by, shown)
    series = [{"key": key, "name": names[key]} for key in shown]
    if len(shown) < len(keys):
        series.append({"key": OTHERS, "name": f"{len(keys) - len(shown)} others"})
    return {
        "series": series,
        "hours": period.hours,
        "slots": [[slot.begin.isoformat(), slot.observed, _values(slot, keys, len(shown))] for slot in slots_found],
    }


def _values(slot: Slot, keys: Sequence[str], shown: int) -> list[float] | None:
    if slot.counts is None:
        return None
    values = [slot.counts.get(key, 0) for key in keys]
    rest = [sum(values[shown:])] if len(values) > shown else []
    return [round(value, 2) for value in (*values[:shown], *rest)]


def parts(at: datetime, periods: Sequence[Period]) -> dict[str, dict[str, Any]]:
    """The charts of these periods by every dimension, by name of their part."""
    if not periods:
        return {}
    since = hour_of(at) - max(period.length for period in periods)
    made: dict[str, dict[str, Any]] = {}
    for by, dimension in DIMENSIONS.items():
        hours = _hours(dimension, since, at)
        made |= {part_name(period.name, by): part(period, by, hours, at) for period in periods}
    return made


def _hours(dimension: str, since: datetime, at: datetime) -> dict[datetime, Counts]:
    rows = Snapshot.objects.filter(dimension=dimension, hour__gte=since, hour__lte=at).values_list("hour", "counts")
    if dimension != Snapshot.Dimension.PHASE:
        return dict(rows)
    return {hour: {key: count for key, count in counts.items() if key not in EXCLUDED_PHASES} for hour, counts in rows}


def part_name(period: str, by: str) -> str:
    """The name of a chart's part."""
    return f"chart {period} {by}"


def delete_old_snapshots(at: datetime) -> None:
    """Delete snapshots older than any chart."""
    Snapshot.objects.filter(hour__lt=at - RETENTION).delete()
