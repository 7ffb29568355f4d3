"""The past is asked about through one door: `environments.as_of`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F, Q
from django.utils import timezone

from environments.as_of import clock, recorded, views
from environments.list.search_keys import CONDITIONS, flag_conditions
from environments.models import Environment

ROOMS = ("environments", "automations", "portal")
BRANCHES = re.compile(
    r"is_rebuilt|^from environments\.as_of.* import .*\bviews\b|\b(if|not|and|or) (\w+\.)*as_of\.at\b", re.M
)


def test_nothing_else_asks_whether_the_past_is_asked_about() -> None:
    files = [path for room in ROOMS for path in Path(room).rglob("*.py") if "as_of" not in path.parts]
    assert len(files) > 300
    assert [str(path) for path in files if BRANCHES.search(path.read_text())] == []


def test_what_can_be_asked_of_the_past_follows_from_the_columns_that_a_condition_reads() -> None:
    flags = flag_conditions()
    conditions = flags | CONDITIONS
    assert recorded.answerable(conditions) == conditions
    with clock.set_to(timezone.now() - timedelta(days=1), is_rebuilt=True):
        assert set(flags) - set(recorded.answerable(flags)) == {"unpushed", "not-in-sync"}
        assert set(conditions) - set(recorded.answerable(conditions)) == {"unpushed", "not-in-sync", "unacknowledged"}
        assert not recorded.is_recorded(Q(phase="x") | ~Q(spec_version=F("runner_spec_version")))


def test_what_is_stored_as_of_now_alone_is_not_rebuilt() -> None:
    columns = {field.column for field in Environment._meta.concrete_fields}
    assert columns >= recorded.OF_NOW
    assert not recorded.OF_NOW & set(views.VALUES)


def test_a_reader_of_what_is_not_recorded_refuses_for_the_past_alone() -> None:
    read = recorded.only(lambda text: Q(changed_files=int(text)))
    assert read("3") == Q(changed_files=3)
    with (
        clock.set_to(timezone.now() - timedelta(days=1), is_rebuilt=True),
        pytest.raises(ValueError, match="available as of now"),
    ):
        read("3")
