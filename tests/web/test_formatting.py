"""Times, durations and phases in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from portal.web.formatting import ago_words, due_words, duration_words, phase_tone, phase_word

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load portal %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (4, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3 * 60 + 59, "3 min ago"),
        (7200, "2 h ago"),
        (86_400 * 400, "400 d ago"),
        (-2, "just now"),
        (-60, "just now"),
        (-61, "2026-03-01 12:01:01 UTC, ahead of the portal's clock"),
        (-86_400 * 365 * 500, "2525-10-31 12:00:00 UTC, ahead of the portal's clock"),
        (86_400 * 365 * 2000, "unknown"),
    ],
)
def test_times_are_told_relative_to_now(seconds: int, words: str) -> None:
    assert ago_words(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7200, "in 2 h"),
        (30, "in 30 s"),
        (4, "just now"),
        (-180, "3 min ago"),
        (86_400 * 50_000, "2163-01-22 12:00:00 UTC"),
    ],
)
def test_planned_times_are_told_until_they_come(seconds: int, words: str) -> None:
    assert due_words(NOW + timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.85, "850 ms"),
        (0.0001, "1 ms"),
        (59, "59 s"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (1800, "30 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86_400 * 2 + 3600 * 3, "2 d 3 h"),
        (86_400 * 2 + 59, "2 d"),
        (-90, "minus 1 min 30 s"),
    ],
)
def test_durations_are_told_by_their_two_largest_units(seconds: float, words: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == words


@given(st.timedeltas())
def test_every_duration_has_words(delta: timedelta) -> None:
    assert duration_words(delta)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_has_words(when: datetime) -> None:
    assert ago_words(when, NOW)
    assert due_words(when, NOW)


def test_a_time_carries_its_absolute_form_in_the_tooltip() -> None:
    with time_machine.travel(NOW, tick=False):
        assert render("{{ t|ago }}", t=NOW - timedelta(minutes=3)) == (
            '<time datetime="2026-03-01T11:57:00+00:00" title="2026-03-01 11:57:00 UTC" data-ago>3 min ago</time>'
        )
        assert "data-due>in 3 min<" in render("{{ t|due }}", t=NOW + timedelta(minutes=3, seconds=1))
        assert "data-" not in render("{{ t|ago }}", t=NOW + timedelta(hours=1)), "it is ahead of the portal's clock"


@pytest.mark.parametrize(
    "source", ["{{ t|ago }}", "{{ t|at }}", "{{ t|duration }}", "{{ t|phase }}", "{% copyable t %}"]
)
def test_what_is_not_known_is_called_unknown(source: str) -> None:
    assert render(source, t=None) == "unknown"
    assert render(source) == "unknown"


@pytest.mark.parametrize(
    ("value", "word", "tone"),
    [
        ("ENVIRONMENT_PHASE_RUNNING", "running", "green"),
        ("TASK_EXECUTION_PHASE_FAILED", "failed", "red"),
        ("CONTENT_PHASE_READY", "ready", "green"),
        ("PHASE_STOPPED", "stopped", "gray"),
        ("ENVIRONMENT_PHASE_UNSPECIFIED", "unknown", "none"),
        ("", "unknown", "none"),
        (None, "unknown", "none"),
        ("ENVIRONMENT_PHASE_HIBERNATING", "ENVIRONMENT_PHASE_HIBERNATING", "none"),
        ("SOMETHING_NEW", "SOMETHING_NEW", "none"),
    ],
)
def test_known_phases_become_words_and_new_ones_stay_as_ona_wrote_them(value: str | None, word: str, tone: str) -> None:
    assert phase_word(value) == word
    assert phase_tone(value) == tone


@given(st.text())
def test_a_hostile_value_is_escaped_wherever_it_is_shown(value: str) -> None:
    for source in ("{% phase_dot t %}", "{% copyable t %}"):
        rendered = render(source, t=value + "<script>\"'")
        assert "<script>" not in rendered
