"""The overview's figures beside the truth of a world that has lived for days, with the sync off for some hours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from environments.models import Environment, Phase, Transition
from environments.rollup_models import OverviewPart, RunningTime, Snapshot, StartUp
from environments.rollups.counting import hour_of
from environments.rollups.keeping import keep
from portal.sandbox.truth import Facts, Truth
from portal.sandbox.world import World
from tests.history import NOW, lived, replay

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OUTAGE = (NOW - 3 * DAY, NOW - 3 * DAY + 7 * HOUR)


def truth_of(world: World) -> Truth:
    assert world.truth is not None
    return world.truth


def facts_at(world: World, at: datetime) -> list[Facts]:
    truth = truth_of(world)
    found = (truth.at(identifier, at) for identifier in truth.environments_at(at))
    return [each for each in found if each is not None]


def test_counts_at_any_hour_of_eight_days_are_the_truth(settings: Any) -> None:
    settings.SWEEP_SECONDS = 1800
    world, kept = lived(40, 9), {}
    hours = [NOW - number * HOUR for number in range(0, 8 * 24, 4)]

    def after(at: datetime) -> None:
        keep(at)
        kept[at] = OverviewPart.objects.get(pk="counts").data

    replay(world, every=timedelta(minutes=30), outages=[OUTAGE], after=after, after_at=hours)
    assert len(kept) > 40
    for at, data in kept.items():
        facts = facts_at(world, at)
        phases = Counter(each.phase for each in facts)
        assert data["phase"] == dict(phases), at
        told = {name: data["condition"][name] for name in ("total", "archived", "failing", "locked-down")}
        assert told == {
            "total": len(facts),
            "archived": sum(each.archived_at is not None for each in facts),
            "failing": sum(bool(each.failures) for each in facts),
            "locked-down": sum(each.lockdown_at is not None and each.lockdown_at <= at for each in facts),
        }, at
    _changes_are_against_the_truth(world, kept[NOW])
    _no_hour_of_the_outage_is_claimed()


def _changes_are_against_the_truth(world: World, counts: dict[str, Any]) -> None:
    for name, delay in (("yesterday", DAY), ("last week", 7 * DAY)):
        before = counts["before"][name]["condition"]
        at = datetime.fromisoformat(before["at"])
        assert abs(NOW - delay - at) <= HOUR
        assert before["counts"]["total"] == len(facts_at(world, at))


def _no_hour_of_the_outage_is_claimed() -> None:
    hours = set(Snapshot.objects.filter(dimension="phase").values_list("hour", flat=True))
    missed = [OUTAGE[0] + number * HOUR for number in range(1, 7)]
    assert not hours & {hour_of(each) for each in missed}


def test_running_time_is_never_more_than_the_truth_and_less_by_what_was_not_seen_only(settings: Any) -> None:
    settings.SWEEP_SECONDS = 600
    every = timedelta(seconds=600)
    world = lived(40, 9)
    begin = NOW - 4 * DAY
    moments = [begin + number * HOUR for number in range(0, 4 * 24 + 1, 2)]
    replay(world, every=every, outages=[OUTAGE], after=lambda at: keep(at, everything=True), after_at=moments)
    told: defaultdict[str, float] = defaultdict(float)
    for row in RunningTime.objects.filter(dimension="project"):
        told[row.key] += row.seconds
    true: defaultdict[str, float] = defaultdict(float)
    slack: Counter[str] = Counter()
    projects = dict(Environment.objects.values_list("pk", "project_id"))
    for identifier in truth_of(world).lives:
        project = str(projects.get(UUID(identifier)) or "")
        for since, until in _running(truth_of(world), identifier, begin):
            true[project] += (until - since).total_seconds()
            slack[project] += 3
    for project, seconds in told.items():
        assert seconds <= true[project] + 1, project
        assert seconds >= true[project] - slack[project] * every.total_seconds(), project
    assert sum(told.values()) > 0.8 * sum(true.values()) > 0
    (observed,) = {sum(RunningTime.objects.filter(dimension="observed").values_list("seconds", flat=True))}
    assert abs(observed - (4 * DAY - (OUTAGE[1] - OUTAGE[0])).total_seconds()) <= 2 * every.total_seconds()


def _running(truth: Truth, identifier: str, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it ran, from `begin` on, without the outage."""
    for interval in truth.intervals(identifier, "phase"):
        if interval.value == Phase.RUNNING:
            since, until = max(interval.begin, begin), interval.end or NOW
            for start, end in ((since, min(until, OUTAGE[0])), (max(since, OUTAGE[1]), until)):
                if start < end:
                    yield start, end


def test_start_ups_differ_from_the_truth_by_no_more_than_they_say(settings: Any) -> None:
    settings.SWEEP_SECONDS = 20
    world = lived(60, 2)
    replay(world, every=timedelta(seconds=20), after=keep, after_at=[NOW - DAY, NOW])
    measured = StartUp.objects.exclude(seconds=None)
    assert len(measured) >= 10
    for start in measured:
        transition = Transition.objects.get(pk=start.transition_id)
        assert transition.old_seen_at is not None
        begun = _came_up(truth_of(world), str(start.environment_id), transition.old_seen_at, transition.seen_at)
        assert start.seconds is not None
        assert start.uncertain is not None
        assert abs(start.seconds - begun) <= start.uncertain + 1


def _came_up(truth: Truth, identifier: str, after: datetime, by: datetime) -> float:
    """The seconds that the start took which ended between these two moments."""
    began = None
    for interval in truth.intervals(identifier, "phase"):
        if interval.value in (Phase.CREATING, Phase.STARTING):
            began = began or interval.begin
        elif interval.value == Phase.RUNNING and after <= interval.begin <= by and began is not None:
            return (interval.begin - began).total_seconds()
        else:
            began = None
    raise AssertionError("it never came up then")
