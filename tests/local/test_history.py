"""The tables filled from a world's past are what they would be, had they been swept all along."""

from bisect import bisect_left, bisect_right
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from django.db import connection

from environments.documents.json_part import as_time
from environments.models import Environment, Field, Sighting, SyncRun, Transition
from portal.directory.models import PolicyVersion
from portal.local.history import sights_of, sync_times
from portal.sandbox.documents import datetime_of, micros
from portal.sandbox.history_log import Life
from portal.sandbox.world import World
from tests.support.history import NOW, lived, replay

DAYS = 8
BEGIN = NOW - timedelta(days=DAYS)
EVERY = timedelta(minutes=10)
OUTAGE = (BEGIN + timedelta(days=5), BEGIN + timedelta(days=5, hours=7))


@pytest.fixture(scope="module")
def past(django_db_setup, django_db_blocker):
    """A replayed past for the tests of this module, taken out again at their end."""
    world = lived(40, days=DAYS, seed=2)
    with django_db_blocker.unblock():
        sweeps = replay(world, every=EVERY, outages=[OUTAGE])
        yield world.truth, sweeps
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, environments_syncrun,"
                " environments_specificationversion, directory_organization CASCADE"
            )


pytestmark = pytest.mark.django_db


def seen(truth, sweeps, identifier, when):
    """What was true of an environment at the last sweep up to a moment."""
    place = bisect_right(sweeps, when) - 1
    return truth.at(identifier, sweeps[place])


def rebuilt(row, field, when):
    """What the transitions say a field was."""
    later = Transition.objects.filter(environment=row, field=field, seen_at__gt=when).order_by("seen_at", "id").first()
    if later:
        return as_time(later.old) if field in (Field.ARCHIVED, Field.LOCKDOWN) else later.old
    return getattr(row, field)


FACTS = {
    Field.PHASE: "phase",
    Field.MACHINE: "machine",
    Field.CONTENT: "content",
    Field.DEVCONTAINER: "devcontainer",
    Field.AUTOMATIONS: "automations",
    Field.ARCHIVED: "archived_at",
    Field.LOCKDOWN: "lockdown_at",
}


@pytest.mark.parametrize("field", FACTS)
def test_transitions_tell_what_was_true_at_the_sweep_before_any_moment(past, field):
    (truth, sweeps), rng = past, Random(3)
    rows = list(Environment.objects.all())
    for _ in range(150):
        row, when = rng.choice(rows), BEGIN + rng.random() * (NOW - BEGIN)
        known = seen(truth, sweeps, str(row.id), when)
        if known and row.first_seen_at <= when:
            assert rebuilt(row, field, when) == getattr(known, FACTS[field])


def test_failures_come_and_go_as_they_did(past):
    (truth, sweeps), rng = past, Random(4)
    rows = list(Environment.objects.all())
    failing = 0
    for _ in range(300):
        row, when = rng.choice(rows), BEGIN + rng.random() * (NOW - BEGIN)
        known = seen(truth, sweeps, str(row.id), when)
        if known and row.first_seen_at <= when:
            assert bool(rebuilt(row, Field.FAILURE, when)) == bool(known.failures)
            failing += bool(known.failures)
    assert failing


def test_a_change_is_placed_between_the_sweeps_around_it(past):
    truth, _ = past
    placed = 0
    for transition in Transition.objects.filter(field=Field.PHASE).order_by("id")[:400]:
        spans = truth.intervals(str(transition.environment_id), "phase")
        begun = [each.begin for each in spans if each.value == transition.new]
        assert any(transition.old_seen_at < each <= transition.seen_at for each in begun)
        assert transition.seen_at - transition.old_seen_at in (EVERY, EVERY + OUTAGE[1] - OUTAGE[0])
        placed += 1
    assert placed > 100


def test_at_the_end_the_tables_hold_what_ona_answers(past):
    truth, sweeps = past
    assert sweeps[-1] == NOW
    present = {str(row.id): row for row in Environment.objects.present()}
    assert set(present) == truth.environments_at(NOW)
    for identifier, row in present.items():
        document = truth.at(identifier, NOW).document
        assert (row.metadata, row.spec, row.status) == (document["metadata"], document["spec"], document["status"])
    assert set(Sighting.objects.filter(environment__gone_at=None).values_list("seen_at", flat=True)) == {NOW}


def test_what_was_deleted_is_gone_at_the_sweep_after(past):
    truth, sweeps = past
    gone = {str(row.id): row.gone_at for row in Environment.objects.exclude(gone_at=None)}
    assert gone
    for identifier, at in gone.items():
        end = datetime_of(truth.lives[identifier].end)
        assert at == sweeps[bisect_left(sweeps, end)]


def test_an_outage_leaves_a_gap_and_what_happened_in_it_is_placed_around_it(past):
    _, sweeps = past
    begin, end = OUTAGE
    assert not SyncRun.objects.filter(started_at__gte=begin, started_at__lt=end).exists()
    assert not Transition.objects.filter(seen_at__gte=begin, seen_at__lt=end).exists()
    missed = Transition.objects.filter(old_seen_at__lt=begin, seen_at__gte=end)
    assert missed.exists()
    assert set(missed.values_list("old_seen_at", "seen_at")) == {(begin - EVERY, end)}
    assert (begin - EVERY, end) in set(pairwise(sweeps))


def test_each_sweep_has_its_run(past):
    truth, sweeps = past
    runs = list(SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS).order_by("started_at"))
    assert [run.started_at for run in runs] == sweeps
    assert {run.state for run in runs} == {SyncRun.State.SUCCEEDED}
    assert sum(run.transitions for run in runs) == Transition.objects.count()
    assert sum(run.gone for run in runs) == Environment.objects.exclude(gone_at=None).count()
    for run in runs[::100]:
        assert run.listed == len(truth.environments_at(run.started_at))


def test_the_policies_are_known_since_the_sweep_after_each_change(past):
    truth, sweeps = past
    versions = list(PolicyVersion.objects.order_by("seen_at"))
    assert [version.policies for version in versions] == [each.document for each in truth.policies]
    assert [version.seen_at for version in versions] == [
        sweeps[bisect_left(sweeps, each.at)] for each in truth.policies
    ]
    assert [version.old_seen_at for version in versions[1:]] == [
        sweeps[bisect_left(sweeps, each.at) - 1] for each in truth.policies[1:]
    ]


# Without a database


def test_sweeps_are_regular_end_now_and_leave_outages_out():
    ten = timedelta(minutes=10)
    assert sync_times(BEGIN, BEGIN + 3.5 * ten, ten) == [
        BEGIN,
        BEGIN + ten,
        BEGIN + 2 * ten,
        BEGIN + 3 * ten,
        BEGIN + 3.5 * ten,
    ]
    assert sync_times(BEGIN, BEGIN + 3 * ten, ten, [(BEGIN + ten, BEGIN + 2 * ten)]) == [
        BEGIN,
        BEGIN + 2 * ten,
        BEGIN + 3 * ten,
    ]


def test_what_lived_between_two_sweeps_is_never_seen():
    life = Life(micros(BEGIN) + 1, b"{}", end=micros(BEGIN) + 2)
    sweeps = [micros(BEGIN), micros(BEGIN + EVERY)]
    assert list(sights_of("07e03a28-65a5-4d98-b532-8ea67b188048", life, sweeps)) == []


def test_a_world_without_a_past_cannot_be_replayed():
    with pytest.raises(ValueError, match="without a history"):
        replay(World(0, 1, NOW), every=EVERY)
