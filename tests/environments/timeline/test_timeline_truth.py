"""The bars of timelines, held against a month whose truth is known, with the sync off for two days and for an hour.

A past keeps no truth of services and executions, which are left alone in it: for those see tests/automations.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db import connection
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from environments.models import Environment, Field, Phase, SpecificationVersion, Transition
from environments.timeline import specification_versions
from environments.timeline.lane_bars import Bar, Period
from environments.timeline.observed import GONE, NEVER, OUTAGE, Gap
from environments.timeline.query import ZOOMS
from environments.timeline.sources import TimelineData, assemble
from environments.timeline.specification_versions import VERSIONS
from environments.timeline.transitions_source import STATES, TRANSITIONS
from portal.sandbox.documents import datetime_of
from portal.sandbox.history_log import Facts, Interval, Truth
from tests.support import factories
from tests.support.history import NOW, lived, replay
from tests.support.profiles import examples

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
EVERY = timedelta(minutes=15)
BEGIN = NOW - 30 * DAY
OUTAGES = [(NOW - 12 * DAY, NOW - 10 * DAY), (NOW - 3 * DAY, NOW - 3 * DAY + HOUR)]
pytestmark = pytest.mark.django_db


class Month:
    """A month that was swept every quarter of an hour, but for two outages."""

    def __init__(self) -> None:
        world = lived()
        assert world.truth is not None
        self.truth: Truth = world.truth
        self.sweeps = replay(world, every=EVERY, outages=OUTAGES)
        self.at = cache(self.truth.at)

    def looks(self, at: datetime) -> tuple[datetime, datetime]:
        """The last sweep until a moment, and the first after it."""
        place = bisect_right(self.sweeps, at)
        return self.sweeps[place - 1], self.sweeps[min(place, len(self.sweeps) - 1)]

    def life(self, identifier: str) -> tuple[datetime, datetime | None]:
        life = self.truth.lives[identifier]
        return datetime_of(life.begin), None if life.end is None else datetime_of(life.end)

    def seen(self, identifier: str) -> list[datetime]:
        """The sweeps in which an environment was listed."""
        begin, end = self.life(identifier)
        return self.sweeps[bisect_left(self.sweeps, begin) : bisect_left(self.sweeps, end or NOW + DAY)]


class Pair(NamedTuple):
    """An environment and a moment; `why` says what is particular about it."""

    identifier: str
    at: datetime
    why: str = "at random"


@pytest.fixture(scope="module")
def month(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    """Committed, once for all tests of this module."""
    with django_db_blocker.unblock():
        yield Month()
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, environments_syncrun,"
                " environments_specificationversion, directory_organization CASCADE"
            )


@pytest.fixture(autouse=True)
def _seldom_swept(settings: Any) -> None:
    settings.SWEEP_SECONDS = EVERY.total_seconds()


def told_around(pair: Pair, dice: random.Random) -> TimelineData | None:
    """The picture of an hour, a day, a week or everything, with the moment somewhere in it; None of what none saw."""
    environment = Environment.objects.filter(pk=UUID(pair.identifier)).select_related("sighting").first()
    if environment is None:
        return None
    span = dice.choice([*ZOOMS.values(), NOW - BEGIN])
    end = min(pair.at + span * dice.uniform(0.01, 0.99), NOW)
    return assemble(environment, Period(end - span, end), NOW, [TRANSITIONS])


def gap_at(told: TimelineData, at: datetime) -> Gap | None:
    return next((gap for gap in told.gaps if gap.start <= at < gap.end), None)


def bar_at(told: TimelineData, lane: str, at: datetime) -> Bar | None:
    """The bar that covers a moment; a second one would be a lie."""
    bars = next(each.bars for each in told.lanes if each.name == lane)
    found = [bar for bar in bars if bar.start <= at < bar.end]
    assert len(found) < 2
    return found[0] if found else None


def expected_gap(month: Month, pair: Pair) -> str:
    """Why nothing can be known of this moment, by the sweeps alone; empty where something must be."""
    seen = month.seen(pair.identifier)
    if not seen or pair.at < seen[0]:
        return NEVER
    if pair.at >= seen[-1] != month.sweeps[-1]:
        return GONE
    before, after = month.looks(pair.at)
    return OUTAGE if after - before > 3 * EVERY else ""


def true_state(facts: Facts | None, lane: str) -> str | None:
    """What Ona's documents said of the lane, as pages write it."""
    if facts is None:
        return None
    if lane == "secrets":
        container = facts.document["status"].get("devcontainer", {})
        runs = container.get("phase") == "PHASE_RUNNING"
        return str(container.get("secretsInSync", False)).lower() if runs else ""
    state: str = getattr(facts, "phase" if lane == "environment" else lane)
    return state


def check(month: Month, pair: Pair, dice: random.Random) -> Counter[str]:
    """Hold one moment of all lanes against the truth; how it was right, by lane."""
    told, why = told_around(pair, dice), expected_gap(month, pair)
    if told is None:
        assert not month.seen(pair.identifier), pair
        return Counter(["nobody saw it"])
    gap = gap_at(told, pair.at)
    assert (gap.why if gap else "") == why, pair
    bars = {lane: bar_at(told, lane, pair.at) for lane in STATES}
    if gap:
        assert not any(bars.values()), pair
        return Counter([why])
    return Counter(_held(month, pair, lane, bar) for lane, bar in bars.items())


def _held(month: Month, pair: Pair, lane: str, bar: Bar | None) -> str:
    """A bar is true, or says that it is uncertain, or what was true came and went between two looks."""
    assert bar is not None, (pair, lane)
    true = true_state(month.at(pair.identifier, pair.at), lane)
    if bar.value == true:
        return "true"
    before, after = month.looks(pair.at)
    if pair.at < bar.certain_from:
        assert bar.seen.after is not None, (pair, lane)
        assert bar.seen.after <= pair.at <= bar.seen.at, (pair, lane)
        assert bar.value == true_state(month.at(pair.identifier, bar.seen.at), lane), (pair, lane)
        return "uncertain"
    assert {true_state(month.at(pair.identifier, each), lane) for each in (before, after)} == {bar.value}, (
        pair,
        lane,
        bar,
        true,
    )
    return "between looks"


def hand_picked(month: Month) -> list[Pair]:
    """Moments at which a picture could easily be wrong."""
    picked: list[Pair] = []
    for identifier in sorted(month.truth.lives)[::8]:
        phases = month.truth.intervals(identifier, "phase")
        picked += _of_life(identifier, month.life(identifier), month.seen(identifier))
        picked += _of_phases(identifier, phases)
        for field in ("archived_at", "machine", "devcontainer"):
            changed = [each.begin for each in month.truth.intervals(identifier, field)[1:]]
            picked += [Pair(identifier, at + SECOND, f"{field} has just changed") for at in changed[:1]]
            picked += [Pair(identifier, at - SECOND, f"{field} is about to change") for at in changed[-1:]]
        picked += [Pair(identifier, at, why) for at, why in _of_outages()]
    within = [each for each in picked if BEGIN < each.at < NOW]
    return [each for each in within if _is_apart(month, each.at)]


def _of_life(identifier: str, life: tuple[datetime, datetime | None], seen: list[datetime]) -> Iterator[Pair]:
    begin, end = life
    yield Pair(identifier, begin - HOUR, "before it was made")
    yield Pair(identifier, begin + SECOND, "it was made, and not yet listed")
    if end:
        yield Pair(identifier, end - SECOND, "the last second of it")
        yield Pair(identifier, end + SECOND, "it is gone, and nobody has noticed")
        yield Pair(identifier, end + HOUR, "it is gone")
    for look in seen[1:2]:
        yield Pair(identifier, look - 2 * SECOND, "just before the second look")
        yield Pair(identifier, look + 2 * SECOND, "just after the second look")


def _of_phases(identifier: str, phases: list[Interval]) -> Iterator[Pair]:
    for phase in (Phase.STARTING, Phase.RUNNING, Phase.STOPPED):
        known = [each for each in phases if each.value == phase and each.end]
        for each in known[-2:]:
            yield Pair(identifier, each.begin + SECOND, f"{phase} has just begun")
            yield Pair(identifier, each.begin + ((each.end or NOW) - each.begin) / 2, f"in the middle of {phase}")
            yield Pair(identifier, (each.end or NOW) - SECOND, f"{phase} is about to end")


def _of_outages() -> Iterator[tuple[datetime, str]]:
    for start, end in OUTAGES:
        yield start - EVERY - 5 * SECOND, "before the last sweep before an outage"
        yield start + HOUR / 2, "in an outage"
        yield start + (end - start) / 2, "in the middle of an outage"
        yield end + 5 * SECOND, "after the first sweep after an outage"


def _is_apart(month: Month, at: datetime) -> bool:
    """A sweep takes a second, in which an environment is looked at: not a moment to be asked about."""
    before, after = month.looks(at)
    return at - before > SECOND and after - at > SECOND


def at_random(month: Month, count: int) -> list[Pair]:
    """Half of them anywhere in its life or near it, half within a quarter of an hour of a change."""
    dice, lives = random.Random(4), sorted(month.truth.lives)
    found: list[Pair] = []
    while len(found) < count:
        identifier = dice.choice(lives)
        begin, end = month.life(identifier)
        at = begin - DAY + dice.random() * ((end or NOW) - begin + 2 * DAY)
        if len(found) % 2:
            at = dice.choice(month.truth.intervals(identifier, "phase")).begin + dice.uniform(-1, 1) * EVERY
        if BEGIN < at < NOW and _is_apart(month, at):
            found.append(Pair(identifier, at))
    return found


def test_hand_picked_moments_are_as_they_were_in_truth_or_not_claimed(month: Month) -> None:
    dice, right, pairs = random.Random(5), Counter[str](), hand_picked(month)
    for pair in pairs:
        right += check(month, pair, dice)
    assert len({pair.why for pair in pairs}) >= 20
    assert len(pairs) >= 50
    assert min(right[each] for each in ("true", "uncertain", OUTAGE, NEVER, GONE)) >= 10, right


def test_random_moments_are_as_they_were_in_truth_or_not_claimed(month: Month) -> None:
    dice, right = random.Random(6), Counter[str]()
    pairs = at_random(month, examples(1000))
    for pair in pairs:
        right += check(month, pair, dice)
    held = right["true"] + right["uncertain"] + right["between looks"]
    assert held > 4 * len(pairs)
    assert right["between looks"] < held / 20, "what no sweep could see is rare"
    assert right["true"] > held / 2
    assert right[OUTAGE] > len(pairs) / 50


def test_every_change_happened_within_the_time_that_its_bar_says(month: Month) -> None:
    """A bar's value was true when it was first observed, and had not been when the one before was last seen."""
    fields = {field.value: lane for lane, field in STATES.items()}
    seen = list(Transition.objects.filter(field__in=fields).exclude(old_seen_at=None))
    assert len(seen) > 500
    for row in random.Random(7).sample(seen, 500):
        assert row.old_seen_at is not None
        for at, told in ((row.old_seen_at, row.old), (row.seen_at, row.new)):
            assert true_state(month.truth.at(str(row.environment_id), at), fields[row.field]) == told, row


def test_what_two_looks_in_a_row_saw_is_drawn_as_certain_between_them(month: Month) -> None:
    checked = 0
    for identifier in random.Random(8).sample(sorted(month.truth.lives), 25):
        environment = Environment.objects.filter(pk=UUID(identifier)).select_related("sighting").first()
        if environment is None:
            continue
        told, seen = assemble(environment, Period(BEGIN, NOW), NOW, [TRANSITIONS]), month.seen(identifier)
        for interval in month.truth.intervals(identifier, "phase"):
            looks = [each for each in seen if interval.begin <= each < (interval.end or NOW)]
            for before, after in list(pairwise(looks))[:1]:
                middle = before + (after - before) / 2
                bar = bar_at(told, "environment", middle) if after - before <= 3 * EVERY else None
                assert bar is None or (bar.value, bar.certain_from <= middle) == (interval.value, True)
                checked += bar is not None
    assert checked > 100


def versions_at_sweeps(month: Month, identifier: str) -> dict[int, tuple[datetime | None, datetime]]:
    """The versions of a specification that sweeps met, by number: the last sweep before, and the first that did."""
    known, seen = month.truth.specifications(identifier), month.seen(identifier)
    begun, found = [each.at for each in known], dict[int, tuple[datetime | None, datetime]]()
    for before, look in pairwise([None, *seen]):
        assert look is not None
        found.setdefault(known[bisect_right(begun, look) - 1].version, (before, look))
    return found


def test_every_version_that_a_sweep_could_meet_is_marked_between_the_sweeps_it_came_between(month: Month) -> None:
    marked, never_met = 0, 0
    for identifier in sorted(month.truth.lives):
        environment = Environment.objects.filter(pk=UUID(identifier)).select_related("sighting").first()
        expected = versions_at_sweeps(month, identifier)
        if environment is None:
            assert not expected
            continue
        told = assemble(environment, Period(BEGIN - DAY, NOW), NOW, [VERSIONS])
        (lane,) = (each for each in told.lanes if each.name == "specification")
        marks = {int(mark.label.rsplit(" ", 1)[1]): (mark.after, mark.at) for mark in lane.marks}
        assert marks == expected
        for known in month.truth.specifications(identifier):
            after, by = expected.get(known.version, (None, NOW))
            never_met += known.version not in expected
            assert known.at <= by
            assert after is None or after < known.at
        marked += len(marks)
    assert marked > 500
    assert never_met > 20, "some came and went between two sweeps"


def test_a_version_has_the_specification_that_held_in_truth_and_says_what_changed_in_it(month: Month) -> None:
    rows = SpecificationVersion.objects.exclude(old_seen_at=None).select_related("environment")
    for row in random.Random(9).sample(list(rows), 200):
        identifier = str(row.environment_id)
        was, became = (month.at(identifier, at) for at in (row.old_seen_at, row.seen_at))
        assert was
        assert became
        assert row.spec == became.document["spec"]
        chosen = VERSIONS.find(row.environment, str(row.pk))
        assert chosen
        changed = {change.path.partition(".")[0].partition("[")[0] for change in chosen.changes}
        assert changed == {
            name
            for name in (was.document["spec"] | became.document["spec"]).keys() - {"specVersion"}
            if was.document["spec"].get(name) != became.document["spec"].get(name)
        }
        between = range(was.spec_version + 1, became.spec_version + 1)
        known = [each for each in month.truth.specifications(identifier) if each.version in between]
        assert changed <= {name for each in known for name in each.fields}


def test_a_bar_shows_the_specifications_that_held_in_truth_before_and_after_it(month: Month) -> None:
    rows = Transition.objects.exclude(old_seen_at=None).exclude(field=Field.GONE).select_related("environment")
    became_another = 0
    for row in random.Random(10).sample(list(rows), 300):
        assert row.old_seen_at is not None
        truth = [month.at(str(row.environment_id), at) for at in (row.old_seen_at, row.seen_at)]
        held = specification_versions.versions_around(row.environment, row.seen_at)
        assert [each and int(each.spec_version) for each in held] == [each and each.spec_version for each in truth]
        assert [each and each.spec for each in held] == [each and each.document["spec"] for each in truth]
        became_another += held[0] != held[1]
    assert 10 < became_another < 290


@pytest.mark.parametrize("outage", OUTAGES)
def test_the_page_hatches_an_outage_from_the_last_look_before_it_to_the_first_after_it(
    month: Month, outage: tuple[datetime, datetime]
) -> None:
    start, end = outage
    present = Environment.objects.filter(first_seen_at__lt=start - DAY).exclude(gone_at__lt=end + DAY)
    address = reverse("environments:timeline", args=[present[0].pk])
    window = Period(end + 2 * HOUR - DAY, end + 2 * HOUR)
    answer = factories.client().get(address, {"zoom": "day", "to": f"{window.end:%Y-%m-%dT%H:%M:%SZ}"})
    page = answer.content.decode()
    lane = page[page.index('id="lane-1"') : page.index('id="lane-2"')]
    ((x, width),) = re.findall(r'<rect class="tl-gap" x="([\d.]+)%" width="([\d.]+)%"', lane)
    begin = max(start - EVERY, window.start)
    assert abs(float(x) - (begin - window.start) / DAY * 100) < 0.01
    assert abs(float(width) - (end - begin) / DAY * 100) < 0.01
    assert lane.rindex('class="tl-bar') < lane.index('class="tl-gap'), "no bar covers it"
    assert "no sync succeeded" in page
