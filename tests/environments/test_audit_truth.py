"""The audits and the past, held against a month whose truth is known."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

import pytest
from django.db import connection
from django.db.models import Q
from pytest_django.plugin import DjangoDbBlocker

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
pytestmark = pytest.mark.django_db


class Month:
    """A month that was swept every two hours, but for an outage, and what the audits said in it."""

    def __init__(self) -> None:
        self.world = lived()
        self.told: dict[datetime, Statuses] = {}
        self.sweeps = replay(self.world, every=EVERY, outages=[OUTAGE], after=self._tell, after_at=moments(20))

    def _tell(self, at: datetime) -> None:
        self.told[at] = judged(at)

    def was_swept(self, moment: datetime) -> datetime:
        """The last sweep until then."""
        return self.sweeps[bisect_right(self.sweeps, moment) - 1]

    @cached_property
    def restarted(self) -> set[str]:
        """Those that were started and stopped again between two sweeps, of which nobody saw anything."""
        found = set()
        for identifier in self.world.truth.lives:
            phases = self.world.truth.intervals(identifier, "phase")
            stops = [each for each in phases if each.value == Phase.STOPPED]
            for before, after in pairwise(stops):
                if bisect_left(self.sweeps, before.end) == bisect_left(self.sweeps, after.begin):
                    found.add(identifier)
        return found


@pytest.fixture(scope="module")
def month(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    """Committed, once for all tests of this module."""
    with django_db_blocker.unblock():
        yield Month()
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, environments_syncrun,"
                " environments_specificationversion, directory_organization CASCADE"
            )


@pytest.fixture(autouse=True)
def _seldom_swept(settings) -> None:
    settings.SWEEP_SECONDS = EVERY.total_seconds()


def moments(count: int, seed: int = 1) -> list[datetime]:
    dice = random.Random(seed)
    return sorted(BEGIN + timedelta(minutes=1) + dice.random() * (NOW - BEGIN) * 0.999 for _ in range(count))


def judged(at: datetime) -> Statuses:
    """Both statuses of each environment, as the tables tell them."""
    policy = policy_at(at)
    rows = {str(row.pk): Facts.of(row) for row in with_stops(Environment.objects.all())}
    return {
        pk: (lockdown.judge(facts, policy, at).status, archive.judge(facts, policy, at).status)
        for pk, facts in rows.items()
    }


def test_a_thousand_environments_and_moments_are_as_they_were_in_truth(month):
    truth, dice = month.world.truth, random.Random(3)
    for moment in moments(MOMENTS):
        at = month.was_swept(moment)
        with as_of(moment):
            known = {str(row.pk): row for row in Environment.objects.present()}
        assert set(known) == truth.environments_at(at), moment
        for identifier in dice.sample(sorted(known), 10):
            was, row = truth.at(identifier, at), known[identifier]
            assert (row.phase, row.failing) == (was.phase, bool(was.failures)), (identifier, moment)
            assert (row.archived_at, row.lockdown_at) == (was.archived_at, was.lockdown_at)
            assert (row.spec_version, row.desired_phase) == (was.spec_version, was.desired_phase)
            assert row.never_stops == (was.timeout == "0s")


def test_the_statuses_at_a_moment_are_what_the_audits_said_then(month):
    """Rebuilt afterwards, by the functions and by the database alike; but for starts that nobody saw."""
    assert len(month.told) >= 15
    for at, statuses in month.told.items():
        with as_of(at):
            rebuilt = judged(at)
            assert counted(at) == rebuilt
        assert set(rebuilt) == set(statuses)
        for identifier, both in rebuilt.items():
            assert both[0] == statuses[identifier][0]
            assert both[1] == statuses[identifier][1] or identifier in month.restarted


def counted(at: datetime) -> Statuses:
    """As `judged`, by the conditions that pages count by."""
    policy = policy_at(at)
    present = Environment.objects.annotate(stopped_by=STOPPED_BY)
    found: dict[str, list[str]] = {}
    for audit in (lockdown, archive):
        for status, condition in audit.conditions(policy, at).items():
            wanted = Q(gone_at=None) & condition | (Q(gone_at__isnull=False) if status == "deleted" else Q(pk__in=()))
            for pk in present.filter(wanted).values_list("pk", flat=True):
                found.setdefault(str(pk), []).append(status)
    return {pk: (first, second) for pk, (first, second) in found.items()}


def test_the_statuses_equal_those_that_the_truth_gives(month):
    """From the true documents and policies, by the vendor's rules and without the portal's code."""
    for moment in moments(25, seed=7):
        at = month.was_swept(moment)
        with as_of(at):
            found = judged(at)
        for identifier in month.world.truth.environments_at(at):
            assert found[identifier][0] == true_lockdown(month.world, identifier, at)
            if identifier not in month.restarted:
                assert found[identifier][1] in true_archive(month, identifier, at), (identifier, at)


def true_lockdown(world: World, identifier: str, at: datetime) -> str:
    was = world.truth.at(identifier, at)
    if was.phase == Phase.DELETED:
        return "deleted"
    if was.lockdown_at is None:
        return "exempt" if days(world.truth.policies_at(at), "maximumEnvironmentLifetime") else "none"
    left = (was.lockdown_at - at) / timedelta(days=1)
    if left <= 0:
        up = ("CREATING", "STARTING", "RUNNING", "UPDATING")
        return "running" if was.phase.removeprefix("ENVIRONMENT_PHASE_") in up else "past"
    return "24h" if left <= 1 else "7d" if left <= 7 else "30d" if left <= 30 else "later"


def true_archive(month: Month, identifier: str, at: datetime) -> set[str]:
    """Either side of a limit is right for as long as nobody looked."""
    truth = month.world.truth
    was, known = truth.at(identifier, at), truth.policies_at(at)
    if was.phase == Phase.DELETED:
        return {"deleted"}
    if was.archived_at:
        keep = days(known, "deleteArchivedEnvironmentsAfter")
        if not keep:
            return {"archived"}
        return {"overdue"} if was.archived_at + keep + archive.GRACE < at else {"deletion"}
    if was.phase != Phase.STOPPED:
        return {"active"}
    phases = [each for each in truth.intervals(identifier, "phase") if each.begin <= at]
    kept = [each for each in truth.intervals(identifier, "archived_at") if each.begin <= at]
    begin = max(phases[-1].begin, kept[-1].begin)  # unarchived, it is stopped anew
    late = at - begin - days(known, "archiveEnvironmentsAfter") - archive.GRACE
    unseen = OUTAGE[1] - OUTAGE[0] if OUTAGE[0] < begin < OUTAGE[1] else EVERY
    if len(phases) == len(kept) == 1 or timedelta(0) <= late <= unseen:
        return {"due", "overdue"}
    return {"overdue"} if late > timedelta(0) else {"due"}


def days(document: dict, name: str) -> timedelta:
    return timedelta(seconds=seconds_of(document.get(name, "0s")))


def test_a_stop_lies_between_the_two_times_that_were_observed(month):
    seen = list(Stop.objects.exclude(old_seen_at=None))
    assert len(seen) > 10
    for stop in seen:
        phases = month.world.truth.intervals(str(stop.environment_id), "phase")
        kept = month.world.truth.intervals(str(stop.environment_id), "archived_at")
        begins = [each.begin for each in phases if each.value == Phase.STOPPED]
        begins += [each.begin for each in kept if each.value is None]
        assert any(stop.old_seen_at <= begin <= stop.seen_at for begin in begins)


def test_an_outage_is_a_gap_and_nothing_else_is(month):
    for moment in moments(200, seed=2):
        assert observed(moment).is_gap == (moment - month.was_swept(moment) > 3 * EVERY)
        if observed(moment).is_gap:
            assert OUTAGE[0] < moment < OUTAGE[1]
