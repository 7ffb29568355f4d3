"""A demo begins with a past: how long, and that the tables are told of it."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from environments.models import Environment, SyncRun
from portal.local import run as portal
from portal.local.history import fill_tables
from portal.sandbox.world import World
from tests.support.history import NOW


@pytest.mark.django_db
def test_the_demo_is_told_its_past_with_gaps_and_counts():
    world = World(12, 1, NOW, history=timedelta(days=3))
    fill_tables(world)
    runs = list(SyncRun.objects.order_by("started_at").values_list("started_at", flat=True))
    pauses = sorted(after - before for before, after in pairwise(runs))
    assert runs[-1] == NOW
    assert pauses[-1] > timedelta(hours=8)
    assert pauses[-2] > timedelta(minutes=50)
    assert pauses[-3] <= timedelta(minutes=3)
    assert {str(row.id) for row in Environment.objects.present()} == world.truth.environments_at(NOW)


def demo(**given: str) -> dict[str, str]:
    return portal.portal_environment(given, 8000, "postgresql://db/portal", "redis://queue/0")


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ({}, "7d"),
        ({"SANDBOX_HISTORY": "12h"}, "12h"),
        ({"SANDBOX_HISTORY": "0d"}, None),
        ({"SANDBOX_ENVIRONMENTS": "100000"}, None),
        ({"SANDBOX_ENVIRONMENTS": "5000", "SANDBOX_HISTORY": "30d"}, "30d"),
    ],
)
def test_how_long_a_demo_has_lived_is_asked_for_or_suits_its_size(monkeypatch, tmp_path: Path, given, length):
    monkeypatch.setattr(portal, "DATA", tmp_path)
    command = portal.history_command(demo(**given))
    assert (command and command.argv[4]) == length


def test_a_demo_that_has_a_world_goes_on_with_it(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(portal, "DATA", tmp_path)
    environment = demo()
    portal.world_file(environment).touch()
    assert portal.history_command(environment) is None
