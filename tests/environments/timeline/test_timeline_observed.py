"""When an environment was observed, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.models import SyncRun
from environments.timeline.lane_bars import Period
from environments.timeline.observed import (
    GONE,
    NEVER,
    OUTAGE,
    SINCE,
    Gap,
    ObservationTimes,
    find_gaps,
    find_outages,
    observed_periods,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=3)
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def told(found: list[Gap]) -> list[tuple[float, float, str]]:
    return [
        ((gap.start - START) / timedelta(minutes=1), (gap.end - START) / timedelta(minutes=1), gap.why) for gap in found
    ]


def swept(*minutes: float, state: str = SyncRun.State.SUCCEEDED, kind: str = SyncRun.Kind.ENVIRONMENTS) -> None:
    """Sweeps that began at these minutes and took six seconds each."""
    for minute in minutes:
        SyncRun.objects.create(kind=kind, state=state, started_at=at(minute), finished_at=at(minute + 0.1))


def test_nothing_is_observed_before_the_first_and_after_the_last_observation() -> None:
    found = find_gaps(ObservationTimes(at(10), at(50)), [], Period(at(0), at(60)), LIMIT)
    assert told(found) == [(0, 10, NEVER), (50, 60, SINCE)]


def test_time_without_full_listings_is_unobserved() -> None:
    found = find_gaps(ObservationTimes(at(0), at(60)), [(at(20), at(40))], Period(at(0), at(60)), LIMIT)
    assert told(found) == [(20, 40, OUTAGE)]


def test_an_individual_observation_splits_an_outage() -> None:
    found = find_gaps(
        ObservationTimes(at(0), at(60), [at(30), at(32)]), [(at(20), at(40))], Period(at(0), at(60)), LIMIT
    )
    assert told(found) == [(20, 30, OUTAGE), (32, 40, OUTAGE)]


def test_a_deleted_environment_is_unobserved_for_that_reason() -> None:
    sight = ObservationTimes(at(0), at(30), gone=[Period(at(30), FOR_EVER)])
    assert told(find_gaps(sight, [(at(50), None)], Period(at(0), at(60)), LIMIT)) == [(30, 60, GONE)]
    returned = ObservationTimes(at(0), at(60), gone=[Period(at(30), at(40))])
    assert told(find_gaps(returned, [], Period(at(0), at(60)), LIMIT)) == [(30, 40, GONE)]


def test_without_full_listings_only_individual_observations_count() -> None:
    found = find_gaps(ObservationTimes(at(0), at(60), [at(1)]), [(None, None)], Period(at(-10), at(60)), LIMIT)
    assert told(found) == [(-10, 0, NEVER), (1, 60, OUTAGE)]


@pytest.mark.django_db
def test_distant_full_listings_leave_a_gap_from_the_one_to_the_end_of_the_other() -> None:
    swept(*range(10), *range(30, 40))
    assert find_outages(Period(at(0), at(39))) == [(at(9), at(30.1))]
    assert find_outages(Period(at(1), at(8))) == []
    assert find_outages(Period(at(12), at(20))) == [(at(9), at(30.1))], "also where the period lies within the gap"


@pytest.mark.django_db
def test_failed_listings_and_runs_of_other_kinds_observe_nothing() -> None:
    swept(*range(10), *range(30, 40))
    swept(*range(10, 30), state=SyncRun.State.FAILED)
    swept(*range(10, 30), kind=SyncRun.Kind.AUTOMATIONS)
    assert find_outages(Period(at(0), at(39))) == [(at(9), at(30.1))]


@pytest.mark.django_db
def test_outages_before_the_first_and_after_the_last_listing_have_open_ends() -> None:
    assert find_outages(Period(at(0), at(60))) == [(None, None)]
    swept(20, 21, 22)
    assert set(find_outages(Period(at(0), at(60)))) == {(None, at(20.1)), (at(22), None)}


@pytest.mark.django_db
def test_a_year_of_full_listings_is_read_in_one_query(django_assert_num_queries) -> None:
    swept(*range(0, 600, 2))
    with django_assert_num_queries(1):
        assert find_outages(Period(at(0), at(598))) == []


minute = st.integers(0, 200)
spans = st.tuples(minute, minute).filter(lambda ends: ends[0] < ends[1])


@given(spans, st.lists(spans, max_size=4), st.lists(minute, max_size=6), st.lists(spans, max_size=3), spans)
def test_all_time_is_either_observed_or_has_a_reason(
    life: tuple[int, int],
    unswept: list[tuple[int, int]],
    moments: list[int],
    gone: list[tuple[int, int]],
    window: tuple[int, int],
) -> None:
    period = Period(at(window[0]), at(window[1]))
    sight = ObservationTimes(
        at(life[0]), at(life[1]), [at(each) for each in moments], [Period(at(a), at(b)) for a, b in gone]
    )
    found = find_gaps(sight, [(at(a), at(b)) for a, b in unswept], period, LIMIT)
    seen = observed_periods(found, period)
    for number in range(*window):
        middle = at(number + 0.5)
        reasons = {gap.why for gap in found if gap.start <= middle < gap.end}
        assert len(reasons) + any(each.start <= middle < each.end for each in seen) >= 1
        if any(each.start <= middle < each.end for each in seen):
            assert not reasons
            assert life[0] <= number < life[1]
            assert not any(a <= number < b for a, b in gone)
