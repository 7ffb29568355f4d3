"""Everything the picture shows of one environment, put together from its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from environments.models import Environment
from environments.timeline.lanes import Lane, Period, lanes
from environments.timeline.observed import Gap, Sight, apart, gaps, limit, observed
from environments.timeline.source import Source, Story


@dataclass(frozen=True, slots=True)
class Told:
    """The lanes in order with their labels, empty ones too, what was not observed, and what did not fit."""

    lanes: list[Lane]
    labels: Mapping[str, str]
    gaps: list[Gap]
    period: Period
    left_out: list[str]


def tell(environment: Environment, period: Period, now: datetime, sources: Sequence[Source]) -> Told:
    """What was seen of `environment` in `period`; a query for the sweeps beside those of the sources."""
    stories = [source.story(environment, period) for source in sources]
    unseen = gaps(*_sight(environment, period, stories), period, limit())
    seen = [each for story in stories for each in story.seen]
    marks = [each for story in stories for each in story.marks]
    drawn = {lane.name: lane for lane in lanes(seen, observed(unseen, period), period, now, marks)}
    labels = {name: label for story in stories for name, label in story.labels.items()}
    found = [drawn.get(name) or Lane(name, [], []) for name in labels]
    return Told(found, labels, unseen, period, [text for story in stories for text in story.left_out])


def _sight(
    environment: Environment, period: Period, stories: Sequence[Story]
) -> tuple[Sight, list[tuple[datetime | None, datetime | None]]]:
    """When the environment was looked at by itself, and where sweeps are missing."""
    first = environment.first_seen_at
    sighting = getattr(environment, "sighting", None)
    last = max(first, sighting.seen_at) if sighting else first
    looks = [moment for story in stories for moment in story.moments]
    gone = [each for story in stories for each in story.gone]
    start, end = max(first, period.start), min(last, period.end)
    return Sight(first, last, looks, gone), apart(Period(min(start, end), end))
