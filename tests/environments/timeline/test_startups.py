"""The starts of an environment, part by part, as far as two syncs can tell."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from environments.models import Environment, Field, Phase, Transition
from environments.models.overview import StartUp
from environments.timeline.startups import PARTS, find_starts
from environments.timeline.transitions_source import TransitionRow
from tests.support import factories

MINUTE = timedelta(minutes=1)
T0 = datetime.fromisoformat("2026-11-01T10:00:00+00:00")
READY = {field: ready for field, (_, ready, _) in PARTS.items()}
Change = tuple[Field, str, str]
UP: list[list[Change]] = [
    [(Field.PHASE, Phase.STOPPED, Phase.STARTING)],
    [(Field.MACHINE, "", READY[Field.MACHINE])],
    [(Field.CONTENT, "", READY[Field.CONTENT]), (Field.PHASE, Phase.STARTING, Phase.RUNNING)],
    [],
    [(Field.DEVCONTAINER, "", READY[Field.DEVCONTAINER]), (Field.AUTOMATIONS, "", READY[Field.AUTOMATIONS])],
]


def rows(steps: list[list[Change]], begin: datetime = T0) -> list[TransitionRow]:
    """One sync a minute, each with what it saw."""
    return [
        TransitionRow(100 * minute + place, *change, begin + (minute - 1) * MINUTE, begin + minute * MINUTE)
        for minute, step in enumerate(steps)
        for place, change in enumerate(step)
    ]


def bounds(parts: object) -> list[tuple[str, str, int, int]]:
    return [
        (part.name, part.outcome, part.earliest // timedelta(seconds=1), part.latest // timedelta(seconds=1))
        for part in parts  # type: ignore[attr-defined]
    ]


def test_each_part_is_as_exact_as_the_syncs_beside_it() -> None:
    (start,) = find_starts(rows(UP))
    assert (start.after, start.by) == (T0 - MINUTE, T0)
    assert bounds(start.parts) == [
        ("Machine", "ready", 0, 120), ("Content", "ready", 60, 180), ("Devcontainer", "ready", 180, 300),
        ("Automations", "ready", 180, 300),
    ]  # fmt: skip
    # Ona's own time of the start makes all of them more exact
    (exact,) = find_starts(rows(UP), T0 - MINUTE / 2)
    assert bounds(exact.parts)[0] == ("Machine", "ready", 30, 90)
    # a time of another start does not
    assert find_starts(rows(UP), T0 - 5 * MINUTE) == [start]
    failed = [*UP[:3], [(Field.DEVCONTAINER, "", "PHASE_FAILED"), (Field.PHASE, Phase.RUNNING, Phase.STOPPING)]]
    twice = rows(failed) + rows(UP, T0 + timedelta(hours=1))
    first, second = find_starts(twice)
    assert bounds(first.parts)[-1] == ("Devcontainer", "failed", 120, 240)
    assert bounds(second.parts) == bounds(start.parts)
    # between two syncs everything may have happened at once
    at_once = [[change for step in UP for change in step if change[0] != Field.PHASE]]
    at_once[0].append((Field.PHASE, Phase.STOPPED, Phase.RUNNING))
    assert {part[2:] for part in bounds(find_starts(rows(at_once))[0].parts)} == {(0, 60)}
    # a creation begins before the first change, at the time that Ona tells
    creation = [[(Field.PHASE, Phase.CREATING, Phase.STARTING)], *UP[1:]]
    assert find_starts(rows(creation)) == []
    (created,) = find_starts(rows(creation), created=T0 - MINUTE)
    for odd in (datetime.fromisoformat("0001-01-01T00:00:00+00:00"), T0 + 99 * MINUTE):
        assert find_starts(rows(creation), created=odd) == [], odd
    assert (created.after, created.by) == (T0 - MINUTE, T0 - MINUTE)
    assert bounds(created.parts)[0] == ("Machine", "ready", 60, 120)
    assert find_starts(rows([[(Field.PHASE, Phase.RUNNING, Phase.UPDATING)], UP[1]])) == []


def _started(begin: datetime, pace: int, **columns: object) -> Environment:
    """One whose parts came up so many minutes after one another."""
    environment = factories.environment(**columns)
    steps: list[list[Change]] = [[] for _ in range(4 * pace + 1)]
    steps[0] = UP[0]
    for place, (field, ready) in enumerate(READY.items(), 1):
        steps[place * pace] = [(field, "", ready)]
    Transition.objects.bulk_create(
        Transition(
            environment=environment, field=row.field, old=row.old, new=row.new, old_seen_at=row.old_seen_at,
            seen_at=row.seen_at,
        )
        for row in rows(steps, begin)
    )  # fmt: skip
    return environment


@pytest.mark.django_db
def test_the_timeline_shows_each_start_beside_what_is_typical() -> None:
    begin = timezone.now() - timedelta(hours=2)
    alike = {"class_id": uuid.uuid4(), "project_id": uuid.uuid4()}
    made = _started(begin, 3, **alike)
    for number, pace in enumerate((1, 2, 5)):
        other = _started(begin, pace, **alike)
        StartUp.objects.create(
            transition_id=number, environment_id=other.pk, running_at=begin + 20 * MINUTE,
            class_id=alike["class_id"], project_id=alike["project_id"],
        )  # fmt: skip
    html = factories.client().get(f"/environments/{made.pk}/timeline/").content.decode()
    card = html.partition('id="startups"')[2].partition("</section>")[0]
    assert "the median of 3 starts of other environments" in card
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", card)]
    # a minute of uncertainty at either end: the middle of two minutes' pace is two minutes
    assert cells[5:10] == ["Machine", "ready", "2 min", "4 min", "2 min"]
    assert cells[20:25] == ["Automations", "ready", "11 min", "13 min", "8 min"]
    assert 'aria-label="Start-up: Machine ready after 2 min to 4 min;' in card
    assert card.count("start-typical") == 4
    listed = html.partition('id="changes"')[2]
    (group,) = re.findall(r'<details class="tl-group">.*?</details>', listed, re.DOTALL)
    assert re.search(r"<summary>Started, up after 11 min to 13 min \(5 changes\)</summary>", group)
    assert group.count("<tr") == 5, "each change is in it, and nowhere else"
    assert listed.count("became") == group.count("became") == 5
    (key, *_) = re.findall(r"transition=(e\d+)", group)
    chosen = factories.client().get(f"/environments/{made.pk}/timeline/?transition={key}").content.decode()
    assert '<details class="tl-group" open>' in chosen
    searched = factories.client().get(f"/environments/{made.pk}/timeline/?q=machine").content.decode()
    assert "tl-group" not in searched
    quiet = factories.client().get(f"/environments/{factories.environment().pk}/timeline/").content.decode()
    assert 'id="startups"' not in quiet
