"""The picture of running environments: bands lie on each other, what was not observed stays hatched."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from environments.overview.chart_drawing import HEIGHT, WIDTH, axis_maximum, draw_chart, format_number

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SLOT = st.none() | st.lists(st.floats(0, 5000, allow_nan=False), min_size=3, max_size=3)


def chart(values: list[list[float] | None]) -> dict[str, Any]:
    return {
        "series": [{"key": key, "name": key} for key in "abc"],
        "hours": 1,
        "slots": [
            [(NOON + timedelta(hours=place)).isoformat(), int(each is not None), each]
            for place, each in enumerate(values)
        ],
    }


@given(st.lists(SLOT, min_size=1, max_size=30))
def test_what_was_not_observed_is_hatched_and_nothing_else(values: list[list[float] | None]) -> None:
    drawn = draw_chart(chart(values))
    hatched = sum(gap.width for gap in drawn.gaps)
    assert abs(hatched - WIDTH * sum(each is None for each in values) / len(values)) < 0.01
    assert [row.values == [] for row in reversed(drawn.rows)] == [each is None for each in values]
    for band in drawn.bands:
        for x in re.findall(r"[MH]([\d.]+)", band.path):
            assert not any(gap.x + 0.2 < float(x) < gap.x + gap.width - 0.2 for gap in drawn.gaps)


@given(st.lists(SLOT, min_size=1, max_size=30))
def test_everything_stays_within_the_picture(values: list[list[float] | None]) -> None:
    for band in draw_chart(chart(values)).bands:
        heights = [float(y) for y in re.findall(r"(?:V|M[\d.]+ )(-?[\d.]+)", band.path)]
        assert all(0 <= y <= HEIGHT for y in heights)


def test_bands_are_stacked_steps() -> None:
    drawn = draw_chart(chart([[1, 1, 0], [2, 0, 0], None, [4, 0, 0]]))
    first, second, third = drawn.bands
    assert (
        first.path == "M0.0 200.0V150.0H250.0V100.0H500.0V200.0H250.0V200.0H0.0Z M750.0 200.0V0.0H1000.0V200.0H750.0Z"
    )
    assert second.path == "M0.0 150.0V100.0H250.0V100.0H500.0V100.0H250.0V150.0H0.0Z"
    assert third.path == ""
    assert (first.latest, second.latest) == (4, 0)
    assert (drawn.observed, drawn.hours) == (3, 4)


def test_where_nothing_was_observed_nothing_is_claimed() -> None:
    drawn = draw_chart(chart([None, None]))
    assert [band.latest for band in drawn.bands] == [None, None, None]
    assert drawn.gaps[0].has_label


@given(st.floats(0, 10**7, allow_nan=False))
def test_the_scale_is_round_and_high_enough(peak: float) -> None:
    assert peak <= axis_maximum(peak)
    assert str(axis_maximum(peak)).rstrip("0") in {"1", "2", "4"}


def test_means_are_written_as_short_as_they_can_be() -> None:
    assert [format_number(value) for value in (0, 3, 3.25, 99.96, 1234.5)] == ["0", "3", "3.2", "100.0", "1,234"]
