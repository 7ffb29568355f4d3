"""Durations as people type them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.actions.forms.durations import read_duration, write_duration
from environments.actions.forms.limits import LONGEST_DURATION


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90m", 90),
        ("90", 90),
        ("1h30m", 90),
        ("1h30", 90),
        (" 1 H 30 Min ", 90),
        ("1.5 hours", 90),
        ("1,5h", 90),
        ("1:30", 90),
        ("5400s", 90),
        ("1 hour and 30 minutes", 90),
        ("2 days, 1 hour", 49 * 60),
        ("1 week", 7 * 24 * 60),
        ("never", 0),
        ("Off", 0),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations_are_understood_as_they_are_typed(text: str, minutes: int) -> None:
    assert read_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "  ", "soon", "h", "-30m", "1h-30m", "1:75", "3 fortnights", "1e9h", "٣h", "½h", "5s5"]
)
def test_what_is_no_duration_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|unit"):
        read_duration(text)


def test_what_is_too_long_for_ona_is_refused() -> None:
    assert read_duration("315576000000s") == LONGEST_DURATION
    for text in ("315576000001s", "999999999999 weeks", "999999999:59"):
        with pytest.raises(ValueError, match="longer than Ona"):
            read_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST_DURATION))
def test_a_duration_that_is_written_is_read_back_exactly(duration: timedelta) -> None:
    assert read_duration(write_duration(duration)) == duration


@given(st.text(max_size=30))
def test_no_text_leads_to_anything_but_a_duration_or_a_refusal(text: str) -> None:
    with suppress(ValueError):
        assert timedelta(0) <= read_duration(text) <= LONGEST_DURATION
