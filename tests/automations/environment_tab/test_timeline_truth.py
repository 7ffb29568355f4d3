"""The lanes of services and executions, held against three hours whose truth is known: all that a world told."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from automations.environment_tab.timeline_source import EXECUTIONS, SERVICES
from automations.models import UNDER_WAY, Service, Task, TaskExecution
from automations.sync.observe import (
    EXECUTION_KIND,
    SERVICE_KIND,
    TASK_KIND,
    AutomationObservation,
    mark_deleted,
    observe,
)
from environments.models import Environment, SyncRun
from environments.sync import observe as sync_observe
from environments.timeline.lane_bars import Bar, Lane, Period
from environments.timeline.sources import TimelineData, assemble
from environments.timeline.transitions_source import TRANSITIONS
from portal.ona.documents.automations import read_execution, read_service, read_task
from portal.ona.documents.environments import Observation, read_environment
from portal.sandbox.world import World
from portal.sandbox.world_state import Event
from tests.support.history import NOW
from tests.support.profiles import examples

EVERY = timedelta(minutes=5)
BEGIN = NOW - timedelta(hours=3)
READ = {
    "SERVICE": (SERVICE_KIND, Service, read_service),
    "TASK": (TASK_KIND, Task, read_task),
    "TASK_EXECUTION": (EXECUTION_KIND, TaskExecution, read_execution),
}
pytestmark = pytest.mark.django_db


class Afternoon:
    """A living world, swept every five minutes; `phases` are those of each service and execution, None once gone."""

    def __init__(self) -> None:
        self.world = World(40, 3, BEGIN)
        self.phases: dict[str, list[tuple[datetime, str | None]]] = {}
        self.places: dict[str, tuple[str, str]] = {}  # of each, its kind and its environment
        self.met: dict[str, datetime] = {}
        self.sweeps: list[datetime] = []
        for kind in ("SERVICE", "TASK_EXECUTION"):
            for entry in self.world.table(kind).walk({}):
                document = entry.document()
                where = document.get("environmentId") or document["metadata"]["environmentId"]
                self._hear(Event("CREATE", kind, document["id"], where, ""))
        self.world.listen(self._hear)
        while self.world.now <= NOW:
            self._sweep()
            self.world.advance(EVERY)

    def _hear(self, event: Event) -> None:
        if event.resource in ("SERVICE", "TASK_EXECUTION"):
            is_gone = event.operation == "DELETE"
            known = None if is_gone else self.world.table(event.resource).entries[event.id].document()
            self.phases.setdefault(event.id, []).append((self.world.now, known and known["status"]["phase"]))
            self.places[event.id] = event.resource, event.environment

    def _sweep(self) -> None:
        now, encode = self.world.now, msgspec.json.encode
        documents = list(self.world.documents())
        sync_observe.observe(Observation(now, read_environment(encode(each))) for each in documents)
        known = set(Environment.objects.present().values_list("pk", flat=True))
        sync_observe.mark_deleted(list(known - {UUID(each["id"]) for each in documents}), now)
        for name, (kind, model, read) in READ.items():
            listed = [entry.document() for entry in self.world.table(name).walk({})]
            observe(kind, [AutomationObservation(now, read(encode(each))) for each in listed])
            ids = {UUID(each["id"]) for each in listed}
            lost = set(model.objects.filter(gone_at=None).values_list("pk", flat=True)) - ids
            mark_deleted(kind, list(lost), now)
            for each in listed:
                self.met.setdefault(each["id"], now)
        SyncRun.objects.create(kind="environments", state="succeeded", started_at=now, finished_at=now)
        self.sweeps.append(now)

    def phase(self, identifier: str, at: datetime) -> str | None:
        known = self.phases[identifier]
        place = bisect_right([since for since, _ in known], at)
        return known[place - 1][1] if place else None

    def looks(self, at: datetime) -> tuple[datetime, datetime]:
        place = bisect_right(self.sweeps, at)
        return self.sweeps[place - 1], self.sweeps[min(place, len(self.sweeps) - 1)]

    def of(self, kind: str) -> list[str]:
        """Those that a sweep met, in an environment that is still there."""
        there = {str(pk) for pk in Environment.objects.present().values_list("pk", flat=True)}
        met = ((id_, *self.places[id_]) for id_ in self.met if id_ in self.places)
        return sorted(id_ for id_, its, where in met if its == kind and where in there)


@pytest.fixture
def afternoon(settings: Any) -> Afternoon:
    settings.SWEEP_SECONDS = EVERY.total_seconds()
    return Afternoon()


def told(environment_id: str, at: datetime, dice: random.Random) -> TimelineData:
    """The picture of a time with this moment somewhere in it."""
    environment = Environment.objects.select_related("sighting").get(pk=environment_id)
    span = dice.choice([timedelta(hours=1), timedelta(hours=2), timedelta(days=1)])
    end = min(at + span * dice.uniform(0.01, 0.99), NOW)
    return assemble(environment, Period(end - span, end), NOW, [TRANSITIONS, SERVICES, EXECUTIONS])


def covering(lanes: Iterable[Lane], prefix: str, at: datetime) -> list[Bar]:
    return [bar for lane in lanes if lane.name.startswith(prefix) for bar in lane.bars if bar.start <= at < bar.end]


def test_the_bars_of_services_are_as_they_were_in_truth_or_say_how_sure_they_are(afternoon: Afternoon) -> None:
    dice, right, services = random.Random(1), Counter[str](), afternoon.of("SERVICE")
    for number in range(examples(600)):
        service = dice.choice(services)
        at = BEGIN + dice.random() * (NOW - BEGIN)
        if number % 2:
            at = dice.choice(afternoon.phases[service])[0] + dice.uniform(-1, 1) * EVERY
        if BEGIN < at < NOW:
            bars = covering(told(afternoon.places[service][1], at, dice).lanes, f"service:{service}", at)
            right[held(afternoon, service, at, bars)] += 1
    assert right["true"] > examples(200), right
    assert right["uncertain"] > examples(10), right
    assert right["not seen yet"] > examples(5), right
    assert right["between looks"] < examples(60), right


def held(afternoon: Afternoon, service: str, at: datetime, bars: Sequence[Bar]) -> str:
    """How one moment of a service was right."""
    true, looks = afternoon.phase(service, at), afternoon.looks(at)
    if at < afternoon.met[service]:
        assert not bars
        return "not seen yet"
    if not bars:
        assert None in [true, *(afternoon.phase(service, each) for each in looks)]
        return "gone"
    (bar,) = bars
    if bar.value == true:
        return "true"
    if at < bar.certain_from:
        assert bar.seen.after is not None
        assert bar.seen.after <= at <= bar.seen.at
        assert bar.value == afternoon.phase(service, bar.seen.at)
        return "uncertain"
    assert {afternoon.phase(service, each) for each in looks} == {bar.value}
    return "between looks"


def test_as_many_executions_are_drawn_at_any_moment_as_there_were_in_truth_and_in_their_phases(
    afternoon: Afternoon,
) -> None:
    dice, executions, drawn = random.Random(2), afternoon.of("TASK_EXECUTION"), 0
    for _ in range(examples(400)):
        chosen = dice.choice(executions)
        at = dice.choice(afternoon.phases[chosen])[0] + dice.uniform(-60, 60) * timedelta(seconds=1)
        where, picture = afternoon.places[chosen][1], None
        if BEGIN < at < NOW:
            picture = told(where, at, dice)
        if picture is None or any(gap.start <= at < gap.end for gap in picture.gaps):
            continue
        phases = [afternoon.phase(each, at) for each in executions if afternoon.places[each][1] == where]
        expected = Counter(phase for phase in phases if phase in UNDER_WAY)
        assert Counter(bar.value for bar in covering(picture.lanes, "task:", at)) == expected, (chosen, at)
        assert not picture.left_out
        drawn += expected.total()
    assert drawn > examples(100)
