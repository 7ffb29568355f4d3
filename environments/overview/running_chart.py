"""Charts of environments over a day, a week, a month or a quarter, from hourly snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from environments.models import Phase
from environments.models.overview import Snapshot
from environments.timeline.lane_bars import Period as Observed
from portal.web.formatting import phase_word

from .counts import HOUR, hour_of
from .observed_time import observed_periods, time_within
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
    """Some hours with the mean of the counts made in them; None if there are none."""

    begin: datetime
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
        return Slot(begin, None)
    keys = {key for counts in seen for key in counts}
    return Slot(begin, {key: sum(counts.get(key, 0) for counts in seen) / len(seen) for key in keys})


def rank_keys(slots_found: Sequence[Slot]) -> list[str]:
    """The keys by their sum over the period, highest first."""
    sums: dict[str, float] = {}
    for slot in slots_found:
        for key, count in (slot.counts or {}).items():
            sums[key] = sums.get(key, 0) + count
    return sorted(sums, key=lambda key: (-sums[key], key))


def part(
    period: Period, by: str, hours: Mapping[datetime, Counts], at: datetime, seen: Sequence[Observed] = ()
) -> dict[str, Any]:
    """A chart for the page: series in order, and of each slot the hours observed and the values in that order (None:
    not observed). `seen` are the times that were observed."""
    slots_found = slots(period, hours, at)
    keys = rank_keys(slots_found)
    shown = keys if len(keys) <= SERIES + 1 else keys[:SERIES]
    names = _names(by, shown)
    series = [{"key": key, "name": names[key]} for key in shown]
    if len(shown) < len(keys):
        series.append({"key": OTHERS, "name": f"{len(keys) - len(shown)} others"})
    return {
        "series": series,
        "hours": period.hours,
        "slots": [
            [slot.begin.isoformat(), _hours_observed(slot.begin, period, at, seen), _values(slot, keys, len(shown))]
            for slot in slots_found
        ],
    }


def _hours_observed(begin: datetime, period: Period, at: datetime, seen: Sequence[Observed]) -> float:
    return round(time_within(seen, begin, min(begin + period.hours * HOUR, at)) / HOUR, 2)


def with_now(data: Mapping[str, Any], by: str, live: Counts, at: datetime) -> dict[str, Any]:
    """A stored chart with the newest counts as its last step, so that it says what the figures above it say."""
    live = _shown(DIMENSIONS[by], live)
    series, slots_found = list(data["series"]), [list(slot) for slot in data["slots"]]
    keys = [each["key"] for each in series if each["key"] != OTHERS]
    rest = [key for key in sorted(live) if key not in keys]
    if rest and len(keys) == len(series):
        is_room = len(keys) + len(rest) <= SERIES + 1
        names = _names(by, rest) if is_room else {OTHERS: f"{len(rest)} others"}
        series += [{"key": key, "name": name} for key, name in names.items()]
        for slot in slots_found:
            slot[2] = slot[2] and [*slot[2], *[0] * len(names)]
    shown = [each["key"] for each in series]
    others = sum(live[key] for key in live if key not in shown)
    slots_found[-1][2] = [others if key == OTHERS else live.get(key, 0) for key in shown]
    return {**data, "series": series, "slots": slots_found, "now": at.isoformat()}


def _names(by: str, keys: Sequence[str]) -> dict[str, str]:
    return {key: phase_word(key) for key in keys} if by == "phase" else names_of(by, keys)


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
    seen = observed_periods(since, at)
    for by, dimension in DIMENSIONS.items():
        hours = _hours(dimension, since, at)
        made |= {part_name(period.name, by): part(period, by, hours, at, seen) for period in periods}
    return made


def _hours(dimension: str, since: datetime, at: datetime) -> dict[datetime, Counts]:
    rows = Snapshot.objects.filter(dimension=dimension, hour__gte=since, hour__lte=at).values_list("hour", "counts")
    return {hour: _shown(dimension, counts) for hour, counts in rows}


def _shown(dimension: str, counts: Counts) -> Counts:
    if dimension != Snapshot.Dimension.PHASE:
        return counts
    return {key: count for key, count in counts.items() if key not in EXCLUDED_PHASES}


def newest(by: str) -> Snapshot | None:
    """The newest counts of a dimension: those of the last sync; one query."""
    return Snapshot.objects.filter(dimension=DIMENSIONS[by]).order_by("-hour").first()


def part_name(period: str, by: str) -> str:
    """The name of a chart's part."""
    return f"chart {period} {by}"


def delete_old_snapshots(at: datetime) -> None:
    """Delete snapshots older than any chart."""
    Snapshot.objects.filter(hour__lt=at - RETENTION).delete()
