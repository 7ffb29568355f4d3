"""Charts: columns stand on each other, what was not observed stays hatched, and words and table say the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.web.charts import sparkline
from portal.web.charts.bars import Bar, scaled
from portal.web.charts.chart import Chart, Point, Series, number_words, seconds_words
from portal.web.charts.drawing import HEIGHT, WIDTH, axis_maximum, top_of_seconds

VALUES = st.none() | st.lists(st.floats(0, 5000, allow_nan=False), min_size=3, max_size=3)
GAP = re.compile(r'class="chart-gap" x="([\d.]+)" width="([\d.]+)"')


def chart(values: list[list[float] | None], *, is_continuous: bool = False) -> Chart:
    points = [Point(f"d{place}", each, url=f"?day={place}") for place, each in enumerate(values)]
    series = [Series(name) for name in "abc"]
    return Chart("c", "Chart", "Summary.", series, points, "Day", is_continuous=is_continuous)


def paths(drawn: Chart) -> list[str]:
    return re.findall(r'class="chart-columns"[^>]* d="([^"]*)"', drawn.picture)


@given(st.lists(VALUES, min_size=1, max_size=30))
def test_what_was_not_observed_is_hatched_and_everything_else_stays_within_the_picture(
    values: list[list[float] | None],
) -> None:
    drawn = chart(values, is_continuous=True)
    gaps = [tuple(map(float, each)) for each in GAP.findall(drawn.picture)]
    missed = WIDTH * sum(each is None for each in values) / len(values)
    assert abs(sum(width for _, width in gaps) - missed) < 0.1 * len(values)
    assert bool(drawn.gap) == (None in values)
    for path in paths(drawn):
        assert all(0 <= float(y) <= HEIGHT for y in re.findall(r"(?:V|M[\d.]+ )(-?[\d.]+)", path))
        for x in re.findall(r"[MH]([\d.]+)", path):
            assert not any(begin + 0.2 < float(x) < begin + width - 0.2 for begin, width in gaps)


def test_columns_stand_on_each_other_and_what_is_not_nothing_is_seen() -> None:
    first, second = paths(chart([[1, 1, 0], [2, 0, 0], None, [4, 0, 0]], is_continuous=True))
    assert first == "M0.0 200V150.0H250.0V200ZM250.0 200V100.0H500.0V200ZM750.0 200V0.0H1000.0V200Z"
    assert second == "M0.0 150.0V100.0H250.0V150.0Z"
    series = [Series("now"), Series("proposed")]
    compared = Chart("c", "", "", series, [Point("d", (2, 4)), Point("e", (0, 0))], "Day", compares=True)
    assert paths(compared) == ["M70.0 200V100.0H250.0V200Z", "M250.0 200V0.0H430.0V200Z"]
    assert [compared.words_of(point) for point in compared.points] == ["d: 2 now, 4 proposed", "e: 0"]
    (apart,) = paths(chart([[4000, 0, 0], [1, 0, 0]]))
    assert apart == "M70.0 200V0.0H430.0V200ZM570.0 200V194H930.0V200Z"


def test_each_column_is_told_and_leads_to_its_list() -> None:
    drawn = chart([[1, 0, 2.5], [0, 0, 0], None])
    told = dict(re.findall(r'id="c-(\d)"[^>]* aria-label="([^"]*)"', drawn.picture))
    assert told == {"0": "d0: 3.5 (1 a, 2.5 c)", "1": "d1: 0", "2": "d2: not observed"}
    assert re.findall(r'href="([^"]*)"', drawn.picture) == ["?day=0", "?day=1", "?day=2"]
    assert drawn.picture.count('tabindex="0"') == 1  # the arrow keys move it
    assert re.sub(r"<[^>]+>", " ", drawn.rows).split() == ["d0", "1", "0", "2.5", "d1", *"000", "d2", "not", "observed"]
    hostile = Chart("c", "", "", [Series("a")], [Point('"><b>', (1,), url='?"><i>')], "Day")
    assert not {"<b>", "<i>"} & set(re.findall("<[bi]>", hostile.picture + hostile.rows))


@given(st.floats(0, 10**7, allow_nan=False))
def test_the_scale_is_round_and_high_enough(peak: float) -> None:
    assert peak <= axis_maximum(peak)
    assert str(axis_maximum(peak)).rstrip("0") in {"1", "2", "4"}
    top = top_of_seconds(peak)
    assert peak <= top
    assert len(seconds_words(top).split()) == 2, "one unit"


def test_values_are_written_as_short_as_they_can_be() -> None:
    assert [number_words(value) for value in (0, 3, 3.25, 99.96, 1234.5)] == ["0", "3", "3.2", "100.0", "1,234"]
    assert sparkline.points([None, 1, 2, None]) == "33.3,11.5 66.7,4.0"
    assert sparkline.points([None, 1]) == ""
    longest = scaled([Bar("a", "", "", length=2, reach=8), Bar("b", "", "", length=4)])
    assert [(bar.share, bar.reach_share) for bar in longest] == [("25.0%", "100.0%"), ("50.0%", "0.0%")]
