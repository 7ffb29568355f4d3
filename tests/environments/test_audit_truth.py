"""The audits and the past, held against a month whose truth is known."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from environments.audit import archive, lockdown
from environments.audit.as_of import as_of, observed
from environments.audit.facts import STOPPED_BY, Facts, with_stops
from environments.audit.policy import policy_at
from environments.models import Environment, Phase, Stop
from portal.sandbox.documents import seconds_of
from portal.sandbox.world import World
from tests.history import NOW, lived, replay

EVERY = timedelta(hours=2)
BEGIN = NOW - timedelta(days=30)
OUTAGE = (NOW - timedelta(days=12), NOW - timedelta(days=10))
MOMENTS = 100
Statuses = dict[str, tuple[str, str]]


@pytest.fixture
def world(settings, db) -> World:
    settings.SWEEP_SECONDS = EVERY.total_seconds()
    return lived()


def moments(count: int, seed: int = 1) -> list[datetime]:
    dice = random.Random(seed)
    return sorted(BEGIN + timedelta(minutes=1) + dice.random() * (NOW - BEGIN) * 0.999 for _ in range(count))


def swept_before(sweeps: list[datetime], moment: datetime) -> datetime:
    return sweeps[bisect_right(sweeps, moment) - 1]


def judged(at: datetime) -> Statuses:
    """Both statuses of each environment, as the tables tell them."""
    policy = policy_at(at)
    rows = {str(row.pk): Facts.of(row) for row in with_stops(Environment.objects.all())}
    return {
        pk: (lockdown.judge(facts, policy, at).status, archive.judge(facts, policy, at).status)
        for pk, facts in rows.items()
    }


def test_a_thousand_environments_and_moments_are_as_they_were_in_truth(world):
    sweeps = replay(world, every=EVERY, outages=[OUTAGE])
    dice = random.Random(3)
    for moment in moments(MOMENTS):
        at = swept_before(sweeps, moment)
        with as_of(moment):
            known = {str(row.pk): row for row in Environment.objects.present()}
        assert set(known) == world.truth.environments_at(at), moment
        for identifier in dice.sample(sorted(known), 10):
            truth, row = world.truth.at(identifier, at), known[identifier]
            assert row.phase == truth.phase, (identifier, moment)
            assert (row.archived_at, row.lockdown_at) == (truth.archived_at, truth.lockdown_at)
            assert row.failing == bool(truth.failures)
            assert (row.spec_version, row.desired_phase) == (truth.spec_version, truth.desired_phase)
            assert row.never_stops == (truth.timeout == "0s")


def test_the_statuses_at_a_moment_are_what_they_were_then(world):
    """Rebuilt afterwards they are what the audits said at the time, in the functions and in the database alike."""
    told: dict[datetime, Statuses] = {}
    replay(world, every=EVERY, outages=[OUTAGE], after=lambda at: told.update({at: judged(at)}), after_at=moments(20))
    assert len(told) >= 15
    for at, statuses in told.items():
        with as_of(at):
            assert judged(at) == statuses
            counted(at, statuses)


def counted(at: datetime, statuses: Statuses) -> None:
    policy = policy_at(at)
    present = Environment.objects.present().annotate(stopped_by=STOPPED_BY)
    for number, audit in enumerate((lockdown, archive)):
        for status, condition in audit.conditions(policy, at).items():
            if status != "deleted":
                found = {str(pk) for pk in present.filter(condition).values_list("pk", flat=True)}
                assert found == {pk for pk, each in statuses.items() if each[number] == status}


def test_statuses_equal_those_that_the_truth_gives(world):
    """From the true documents and policies, by the vendor's rules and without the portal's code."""
    sweeps = replay(world, every=EVERY)
    for moment in moments(25, seed=7):
        at = swept_before(sweeps, moment)
        with as_of(at):
            found = judged(at)
        for identifier in world.truth.environments_at(at):
            assert found[identifier][0] == true_lockdown(world, identifier, at)
            assert found[identifier][1] in true_archive(world, identifier, at), (identifier, at)


def true_lockdown(world: World, identifier: str, at: datetime) -> str:
    truth = world.truth.at(identifier, at)
    if truth.phase == Phase.DELETED:
        return "deleted"
    if truth.lockdown_at is None:
        return "exempt" if days(policies(world, at), "maximumEnvironmentLifetime") else "none"
    left = (truth.lockdown_at - at) / timedelta(days=1)
    if left <= 0:
        up = ("CREATING", "STARTING", "RUNNING", "UPDATING")
        return "running" if truth.phase.removeprefix("ENVIRONMENT_PHASE_") in up else "past"
    return "24h" if left <= 1 else "7d" if left <= 7 else "30d" if left <= 30 else "later"


def true_archive(world: World, identifier: str, at: datetime) -> set[str]:
    """Either side of a limit is right for as long as passes between two sweeps."""
    truth, known = world.truth.at(identifier, at), policies(world, at)
    if truth.phase == Phase.DELETED:
        return {"deleted"}
    if truth.archived_at:
        keep = days(known, "deleteArchivedEnvironmentsAfter")
        if not keep:
            return {"archived"}
        return {"overdue"} if truth.archived_at + keep + archive.GRACE < at else {"deletion"}
    if truth.phase != Phase.STOPPED:
        return {"active"}
    stop = next(each for each in reversed(list(phases(world, identifier, at))) if each.value == Phase.STOPPED)
    late = at - stop.begin - days(known, "archiveEnvironmentsAfter") - archive.GRACE
    if stop.begin == world.truth.intervals(identifier, "phase")[0].begin or abs(late) <= EVERY:
        return {"due", "overdue"}
    return {"overdue"} if late > timedelta(0) else {"due"}


def phases(world: World, identifier: str, at: datetime) -> Iterator:
    return (each for each in world.truth.intervals(identifier, "phase") if each.begin <= at)


def policies(world: World, at: datetime) -> dict:
    return world.truth.policies_at(at)


def days(document: dict, name: str) -> timedelta:
    return timedelta(seconds=seconds_of(document.get(name, "0s")))


def test_a_stop_lies_between_the_two_times_that_were_observed(world):
    replay(world, every=EVERY, outages=[OUTAGE])
    seen = list(Stop.objects.exclude(old_seen_at=None))
    assert len(seen) > 10
    for stop in seen:
        begins = [
            each.begin
            for each in world.truth.intervals(str(stop.environment_id), "phase")
            if each.value == Phase.STOPPED
        ]
        assert any(stop.old_seen_at <= begin <= stop.seen_at for begin in begins)


def test_an_outage_is_a_gap_and_nothing_else_is(world):
    sweeps = replay(world, every=EVERY, outages=[OUTAGE])
    for moment in moments(200, seed=2):
        last = swept_before(sweeps, moment)
        assert observed(moment).is_gap == (moment - last > 3 * EVERY)
        if observed(moment).is_gap:
            assert OUTAGE[0] < moment < OUTAGE[1]
