"""What the sync keeps for the overview: snapshots, running time, start-ups, first sights of failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from environments.models import Environment, Field, Phase, SyncRun, Transition
from environments.models.overview import FailureKind, OverviewPart, RunningTime, Snapshot, StartUp
from environments.overview import running_chart, running_time
from environments.overview.refresh import refresh_after, refresh_parts
from environments.overview.startup_times import MeasuredStart, PhaseChange, measure
from portal.directory.models import Member
from tests.support import factories

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def sweep(at: datetime) -> SyncRun:
    """A sweep that ended well, and what is kept after it."""
    run = SyncRun.objects.create(
        kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=at, finished_at=at
    )
    refresh_parts(at, everything=True)
    return run


def sweeps(begin: datetime, end: datetime) -> None:
    """One every minute; kept what they add up to at the end."""
    for minute in range((end - begin) // MINUTE + 1):
        at = begin + minute * MINUTE
        SyncRun.objects.create(
            kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=at, finished_at=at
        )
    refresh_parts(end, everything=True)


def moved(environment: Environment, old: str, new: str, after: datetime, by: datetime) -> Transition:
    Environment.objects.filter(pk=environment.pk).update(phase=new)
    return Transition.objects.create(
        environment=environment, field=Field.PHASE, old=old, new=new, old_seen_at=after, seen_at=by
    )


def old_environment(**columns: Any) -> Environment:
    return factories.environment(first_seen_at=NOON - 90 * timedelta(days=1), **columns)


def seconds(dimension: str, key: object = "") -> float:
    return sum(
        RunningTime.objects.filter(dimension=dimension, key=str(key)).order_by().values_list("seconds", flat=True)
    )


def test_each_hour_keeps_what_its_last_sweep_counted() -> None:
    factories.environment()
    refresh_parts(NOON)
    factories.environment(phase=Phase.STOPPED, failure="boom")
    refresh_parts(NOON + 50 * MINUTE)
    refresh_parts(NOON + 70 * MINUTE)
    kept = Snapshot.objects.filter(dimension="condition").order_by("hour")
    assert [each.hour for each in kept] == [NOON, NOON + HOUR]
    assert [each.counts["total"] for each in kept] == [2, 2]
    assert kept[0].counts["failing"] == 1
    assert Snapshot.objects.get(dimension="phase", hour=NOON).counts == {Phase.RUNNING: 1, Phase.STOPPED: 1}


def test_what_is_counted_of_a_moment_is_reckoned_from_it() -> None:
    factories.environment(lockdown_at=NOON + 3 * HOUR)
    refresh_parts(NOON)
    assert OverviewPart.objects.get(pk="counts").data["condition"]["lockdown-24h"] == 1
    refresh_parts(NOON + 4 * HOUR)
    assert OverviewPart.objects.get(pk="counts").data["condition"]["past-running"] == 1


def test_a_sweep_that_is_older_than_what_is_kept_changes_nothing() -> None:
    assert refresh_parts(NOON)
    factories.environment()
    assert not refresh_parts(NOON - MINUTE)
    assert not refresh_parts(NOON)
    assert OverviewPart.objects.get(pk="counts").data["condition"]["total"] == 0


def test_an_environment_that_runs_all_the_time_adds_all_of_it() -> None:
    one = old_environment(creator_id=factories.ORGANIZATION)
    sweep(NOON)
    sweeps(NOON + MINUTE, NOON + 10 * MINUTE)
    assert seconds("owner", one.creator_id) == 600
    assert seconds("observed") == 600


def test_time_is_counted_only_while_it_certainly_ran() -> None:
    one = old_environment(phase=Phase.STOPPED)
    sweep(NOON)
    moved(one, Phase.STOPPED, Phase.RUNNING, NOON + MINUTE, NOON + 2 * MINUTE)
    moved(one, Phase.RUNNING, Phase.STOPPED, NOON + 7 * MINUTE, NOON + 8 * MINUTE)
    moved(one, Phase.STOPPED, Phase.RUNNING, NOON + 8 * MINUTE, NOON + 9 * MINUTE)
    sweeps(NOON + MINUTE, NOON + 10 * MINUTE)
    assert seconds("project") == (7 - 2 + 1) * 60


def test_what_ran_before_the_look_back_counts_until_it_was_last_seen_running() -> None:
    one = old_environment()
    sweep(NOON)
    moved(one, Phase.RUNNING, Phase.STOPPING, NOON + 3 * MINUTE, NOON + 4 * MINUTE)
    moved(one, Phase.STOPPING, Phase.STOPPED, NOON + 4 * MINUTE, NOON + 5 * MINUTE)
    sweeps(NOON + MINUTE, NOON + 6 * MINUTE)
    assert seconds("class") == 180


def test_nothing_ran_before_it_was_first_seen_or_came_back() -> None:
    first_seen = factories.environment(first_seen_at=NOON + 2 * MINUTE)
    back = old_environment()
    sweep(NOON)
    moved(first_seen, Phase.RUNNING, Phase.STOPPED, NOON + 5 * MINUTE, NOON + 6 * MINUTE)
    Transition.objects.create(
        environment=back, field=Field.GONE, old="2026-03-09T12:00:00Z", new="", seen_at=NOON + 4 * MINUTE
    )
    sweeps(NOON + MINUTE, NOON + 10 * MINUTE)
    assert seconds("project") == (5 - 2 + 10 - 4) * 60


def test_one_that_is_gone_adds_nothing() -> None:
    one = old_environment(phase=Phase.STOPPED)
    sweep(NOON)
    moved(one, Phase.STOPPED, Phase.RUNNING, NOON, NOON + MINUTE)
    Environment.objects.update(gone_at=NOON + 2 * MINUTE)
    sweeps(NOON + MINUTE, NOON + 6 * MINUTE)
    assert seconds("owner") == 0


def test_a_pause_of_the_sync_adds_no_time() -> None:
    old_environment()
    sweep(NOON)
    sweeps(NOON + MINUTE, NOON + 5 * MINUTE)
    sweeps(NOON + 3 * HOUR, NOON + 3 * HOUR + 5 * MINUTE)
    assert seconds("observed") == seconds("owner") == 600


def test_owners_have_their_names_with_the_next_sweep_once_names_are_known() -> None:
    owner = uuid4()
    factories.environment(creator_id=owner)
    refresh_parts(NOON)
    Member.objects.create(id=owner, name="Ada Lovelace", first_seen_at=NOON, seen_at=NOON)
    SyncRun.objects.create(
        kind=SyncRun.Kind.DIRECTORY, state=SyncRun.State.SUCCEEDED, started_at=NOON, finished_at=NOON + MINUTE
    )
    refresh_parts(NOON + 2 * MINUTE)
    (top,) = OverviewPart.objects.get(pk="tops").data["owner"]["environments"]
    assert top["name"] == "Ada Lovelace"


def test_days_begin_at_midnight() -> None:
    old_environment()
    late = NOON.replace(hour=23, minute=58)
    sweep(late)
    sweeps(late + MINUTE, late + 5 * MINUTE)
    rows = RunningTime.objects.filter(dimension="observed").order_by("day").values_list("day", "seconds")
    assert list(rows) == [(late.date(), 120), ((late + HOUR).date(), 180)]


def test_the_top_is_over_seven_days() -> None:
    RunningTime.objects.create(day=NOON.date() - timedelta(days=7), dimension="owner", key="", seconds=100)
    RunningTime.objects.create(day=NOON.date() - timedelta(days=6), dimension="owner", key="", seconds=10)
    assert running_time.totals(NOON)["owner"] == {"": 10}


CREATING, STARTING, RUNNING = Phase.CREATING, Phase.STARTING, Phase.RUNNING


def changes(*steps: tuple[str, str, int, int]) -> list[PhaseChange]:
    """Of each step the phases, and the minutes between which it happened."""
    return [
        PhaseChange(number, old, new, NOON + after * MINUTE, NOON + by * MINUTE)
        for number, (old, new, after, by) in enumerate(steps)
    ]


def measured(*steps: tuple[str, str, int, int], created: datetime | None = None) -> list[MeasuredStart]:
    return list(measure(changes(*steps), created, 3 * MINUTE))


def test_a_start_takes_from_starting_to_running() -> None:
    (found,) = measured((Phase.STOPPED, STARTING, 0, 1), (STARTING, RUNNING, 4, 5))
    assert (found.kind, found.seconds, found.uncertain) == (StartUp.Kind.STARTED, 240, 60)


def test_a_creation_takes_from_the_time_ona_tells() -> None:
    (found,) = measured((CREATING, STARTING, 1, 2), (STARTING, RUNNING, 4, 5), created=NOON)
    assert (found.kind, found.seconds, found.uncertain) == (StartUp.Kind.CREATED, 300, 60)


@pytest.mark.parametrize(
    "steps",
    [
        [(Phase.STOPPED, RUNNING, 0, 1)],  # the beginning fell between two looks
        [(STARTING, RUNNING, 0, 1)],  # first seen starting: since when is unknown
        [(Phase.STOPPED, STARTING, 0, 10), (STARTING, RUNNING, 11, 12)],  # it began in a pause
        [(Phase.STOPPED, STARTING, 0, 1), (STARTING, RUNNING, 2, 30)],  # it ended in a pause
        [(Phase.STOPPED, STARTING, 0, 1), (STARTING, Phase.STOPPED, 2, 3), (Phase.STOPPED, RUNNING, 3, 4)],
    ],
)
def test_a_start_is_measured_only_where_both_ends_were_seen(steps: list[tuple[str, str, int, int]]) -> None:
    (found,) = measured(*steps)
    assert found.seconds is None


def test_an_update_of_a_running_one_is_no_start() -> None:
    assert measured((RUNNING, Phase.UPDATING, 0, 1), (Phase.UPDATING, RUNNING, 1, 2)) == []


def test_starts_are_kept_once_and_summed_up_by_class() -> None:
    one = old_environment(phase=Phase.STOPPED, class_id=factories.ORGANIZATION, class_name="Large")
    sweep(NOON)
    moved(one, Phase.STOPPED, STARTING, NOON, NOON + MINUTE)
    sweep(NOON + 2 * MINUTE)
    moved(one, STARTING, RUNNING, NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    sweep(NOON + 4 * MINUTE)
    sweep(NOON + 5 * MINUTE)
    assert StartUp.objects.get().seconds == 120
    part = OverviewPart.objects.get(pk="startups").data
    assert part["seen"] == 1
    assert part["class"][0]["started"] == {"count": 1, "p50": 120, "p95": 120, "uncertain": 60}
    assert part["names"]["class"] == {str(factories.ORGANIZATION): "Large"}


def test_when_a_kind_of_failure_was_first_seen_is_kept_after_it_is_over() -> None:
    one = old_environment(failure="exit status 1")
    change = Transition.objects.create(
        environment=one, field=Field.FAILURE, new="exit status 1", old_seen_at=NOON, seen_at=NOON + MINUTE
    )
    refresh_parts(NOON + 2 * MINUTE)
    Environment.objects.update(failure="")
    refresh_parts(NOON + 3 * MINUTE)
    factories.environment(failure="exit status 137", first_seen_at=NOON + 4 * MINUTE)
    refresh_parts(NOON + 5 * MINUTE)
    (cluster,) = OverviewPart.objects.get(pk="failures").data["clusters"]
    assert cluster["first_seen_at"] == change.seen_at.isoformat()
    assert FailureKind.objects.get().last_seen_at == NOON + 5 * MINUTE


def test_failures_that_are_alike_are_one_with_all_they_hit() -> None:
    for number in range(5):
        factories.environment(failure=f"exit status {number}", project_name=f"p{number}", class_name="Small")
    factories.environment(failure="image not found")
    refresh_parts(timezone.now())
    first, second = OverviewPart.objects.get(pk="failures").data["clusters"]
    assert (first["message"], first["count"], first["variants"]) == ("exit status …", 5, 5)
    assert first["hit"]["projects"]["more"] == 2
    assert first["hit"]["classes"]["top"] == [["Small", 5, "none"]]
    assert second["count"] == 1


def test_hours_without_a_sweep_are_not_observed() -> None:
    hours = {NOON: {"a": 2}, NOON - 2 * HOUR: {"a": 4, "b": 1}}
    found = running_chart.slots(running_chart.PERIODS["day"], hours, NOON + MINUTE)
    assert len(found) == 24
    assert [each.counts for each in found[-3:]] == [{"a": 4, "b": 1}, None, {"a": 2}]


def test_longer_steps_are_the_mean_of_what_was_observed() -> None:
    hours = {NOON: {"a": 2}, NOON + HOUR: {"a": 4, "b": 1}}
    last = running_chart.slots(running_chart.PERIODS["week"], hours, NOON + HOUR)[-1]
    assert (last.begin, last.counts) == (NOON, {"a": 3, "b": 0.5})


def test_a_chart_tells_apart_a_few_and_puts_the_others_together() -> None:
    counts = {f"project-{number:02}": 20 - number for number in range(12)}
    part = running_chart.part(running_chart.PERIODS["day"], "phase", {NOON: counts}, NOON)
    assert [each["name"] for each in part["series"]] == [f"project-{number:02}" for number in range(6)] + ["6 others"]
    assert part["slots"][-1][2] == [20, 19, 18, 17, 16, 15, 14 + 13 + 12 + 11 + 10 + 9]
    assert part["slots"][-2][1:] == [0, None]


@pytest.mark.parametrize("state", [SyncRun.State.FAILED, SyncRun.State.SKIPPED])
def test_a_sweep_that_failed_changes_nothing(state: str) -> None:
    run = SyncRun.objects.create(kind=SyncRun.Kind.ENVIRONMENTS, state=state, started_at=NOON)
    refresh_after(run)
    refresh_after(None)
    assert not OverviewPart.objects.exists()


def test_old_snapshots_are_dropped() -> None:
    refresh_parts(NOON)
    refresh_parts(NOON + running_chart.RETENTION + HOUR)
    assert not Snapshot.objects.filter(hour=NOON).exists()
