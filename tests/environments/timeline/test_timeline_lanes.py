"""Bars of a timeline: where they begin and end, and that they never claim what was not observed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from environments.timeline.lane_bars import (
    Bar,
    Mark,
    ObservedState,
    Period,
    build_lanes,
    merge_periods,
    subtract_periods,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def period(start: float, end: float) -> Period:
    return Period(at(start), at(end))


def drawn(seen: list[ObservedState], observed: list[Period], window: Period, now: datetime | None = None) -> list[Bar]:
    found = build_lanes(seen, observed, window, now or window.end)
    return found[0].bars if found else []


def told(bars: list[Bar]) -> list[tuple[str, float, float, float]]:
    def minutes(moment: datetime) -> float:
        return (moment - START).total_seconds() / 60

    return [(bar.value, minutes(bar.start), minutes(bar.certain_from), minutes(bar.end)) for bar in bars]


def test_a_state_begins_uncertainly_after_the_last_look_at_the_one_before() -> None:
    seen = [ObservedState("machine", "starting", at(0)), ObservedState("machine", "running", at(10), at(9), "e1")]
    assert told(drawn(seen, [period(0, 60)], period(0, 60))) == [("starting", 0, 0, 9), ("running", 9, 10, 60)]


def test_a_time_that_was_not_observed_is_covered_by_no_bar_and_the_state_after_it_is_what_was_seen_then() -> None:
    seen = [ObservedState("machine", "running", at(0)), ObservedState("machine", "stopped", at(40), at(10), "e1")]
    bars = drawn(seen, [period(0, 10), period(40, 60)], period(0, 60))
    assert told(bars) == [("running", 0, 0, 10), ("stopped", 40, 40, 60)]


def test_what_lasts_over_a_gap_is_drawn_on_both_sides_of_it() -> None:
    bars = drawn([ObservedState("machine", "running", at(0), key="e1")], [period(0, 10), period(40, 60)], period(0, 60))
    assert told(bars) == [("running", 0, 0, 10), ("running", 40, 40, 60)]
    assert {bar.seen.key for bar in bars} == {"e1"}


def test_a_period_that_begins_within_a_state_shows_the_rest_of_it() -> None:
    seen = [ObservedState("machine", "running", at(0)), ObservedState("machine", "stopped", at(100), at(99))]
    bars = drawn(seen, [period(0, 200)], period(30, 60))
    assert told(bars) == [("running", 30, 30, 60)]
    assert (bars[0].seen.at, bars[0].until) == (at(0), at(100))


def test_nothing_is_drawn_after_now_nor_where_a_lane_has_ended() -> None:
    seen = [ObservedState("service", "running", at(0)), ObservedState("service", None, at(10))]
    assert told(drawn(seen, [period(0, 60)], period(0, 60))) == [("running", 0, 0, 10)]
    assert told(drawn(seen[:1], [period(0, 60)], period(0, 60), now=at(30))) == [("running", 0, 0, 30)]


def test_lanes_stand_in_the_order_in_which_they_are_told_and_marks_stay_within_the_period() -> None:
    seen = [ObservedState("b", "x", at(0)), ObservedState("a", "y", at(0))]
    marks = [Mark("c", "operation", at(5), "first"), Mark("c", "operation", at(90), "too late")]
    found = build_lanes(seen, [period(0, 60)], period(0, 60), at(60), marks)
    assert [lane.name for lane in found] == ["b", "a", "c"]
    assert [mark.label for mark in found[2].marks] == ["first"]


def test_looks_that_arrive_in_another_order_than_they_were_sent_make_no_overlap() -> None:
    seen = [
        ObservedState("machine", "a", at(0)),
        ObservedState("machine", "b", at(20), at(5)),
        ObservedState("machine", "c", at(21), at(3)),
    ]
    assert told(drawn(seen, [period(0, 30)], period(0, 30))) == [("a", 0, 0, 5), ("b", 5, 20, 20), ("c", 20, 21, 30)]


minute = st.integers(0, 300)
windows = st.tuples(minute, minute).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: period(*ends))


@st.composite
def states(draw: st.DrawFn) -> list[ObservedState]:
    """States of one lane that begin at the first minute, each some time after the last look at the one before."""
    moments = sorted(draw(st.lists(minute, max_size=12)))
    found = [ObservedState("machine", "first", at(0))]
    for place, moment in enumerate(moments):
        before = draw(st.integers(0, moment))
        found.append(ObservedState("machine", draw(st.sampled_from("abc")), at(moment), at(before), f"e{place}"))
    return found


def minutes_of(periods: list[Period]) -> set[int]:
    return {
        number
        for each in periods
        for number in range(
            int((each.start - START).total_seconds() // 60), int((each.end - START).total_seconds() // 60)
        )
    }


@given(states(), st.lists(windows, max_size=6), windows, minute)
def test_bars_cover_exactly_what_was_observed_and_never_overlap(
    seen: list[ObservedState], observed: list[Period], window: Period, now: int
) -> None:
    bars = drawn(seen, observed, window, at(now))
    for first, second in pairwise(bars):
        assert first.end <= second.start
    for bar in bars:
        assert window.start <= bar.start <= bar.certain_from <= bar.end <= min(window.end, at(now))
        assert bar.start < bar.end
    covered = minutes_of([Period(bar.start, bar.end) for bar in bars])
    assert covered == minutes_of(observed) & minutes_of([window]) & minutes_of([period(0, now)])


@given(states(), st.lists(windows, max_size=6), windows)
def test_the_state_at_a_moment_is_the_last_that_was_seen_by_then_or_the_next_one_in_its_uncertain_part(
    seen: list[ObservedState], observed: list[Period], window: Period
) -> None:
    ordered = sorted(seen, key=lambda each: each.at)
    for bar in drawn(seen, observed, window):
        middle = bar.certain_from + (bar.end - bar.certain_from) / 2
        if bar.certain_from < bar.end:
            assert [each for each in ordered if each.at <= middle][-1].value == bar.value
        if bar.start < bar.certain_from:
            assert bar.seen.after is not None
            assert bar.seen.after <= bar.start < bar.certain_from <= bar.seen.at


@given(st.lists(windows, max_size=6), st.lists(windows, max_size=6))
def test_taking_periods_away_leaves_exactly_the_rest(periods: list[Period], taken: list[Period]) -> None:
    left = subtract_periods(merge_periods(periods), taken)
    assert minutes_of(left) == minutes_of(periods) - minutes_of(taken)
    for first, second in pairwise(left):
        assert first.end <= second.start
