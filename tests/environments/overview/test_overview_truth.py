"""The overview's figures beside the truth of a world that has lived for a month, with the sync off for some of it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from environments.models import Phase, Transition
from environments.models.overview import OverviewPart, RunningTime, Snapshot, StartUp
from environments.overview import running_chart
from environments.overview.alerts import CONDITIONS
from environments.overview.counts import hour_of
from environments.overview.refresh import refresh_parts
from environments.sync.observe import observe
from portal.directory.sync import observe_organization
from portal.ona.documents.directory import read_organization, read_policies
from portal.ona.documents.environments import Observation, read_environment
from portal.sandbox.documents import Document, datetime_of, instant_of, pruned, seconds_of
from portal.sandbox.history_log import FIELDS, Facts, Truth
from portal.sandbox.world import World
from tests.support import factories
from tests.support.history import NOW, lived, replay
from tests.support.profiles import some

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONTH = 30
OUTAGE = (NOW - 3 * DAY, NOW - 3 * DAY + 7 * HOUR)
LONG_OUTAGE = (NOW - 12 * DAY, NOW - 10 * DAY)
OUTAGES = (OUTAGE, LONG_OUTAGE)
MISSED = [(NOW - 10 * HOUR, NOW - 7 * HOUR)]
MISSED += [(NOW - days * DAY - 2 * HOUR, NOW - days * DAY + 2 * HOUR) for days in (1, 7)]
KEYS: Mapping[str, Callable[[Document], str]] = {
    "owner": lambda document: document["metadata"].get("creator", {}).get("id", ""),
    "project": lambda document: document["metadata"].get("projectId", ""),
    "class": lambda document: document["spec"].get("machine", {}).get("class", ""),
}


def truth_of(world: World) -> Truth:
    assert world.truth is not None
    return world.truth


def facts_at(world: World, at: datetime) -> list[Facts]:
    truth = truth_of(world)
    found = (truth.at(identifier, at) for identifier in truth.environments_at(at))
    return [each for each in found if each is not None]


def test_figures_at_any_time_of_a_month_are_the_truth(settings: Any) -> None:
    """Of some thousands of pairs of an environment and a moment."""
    every = timedelta(minutes=30)
    settings.SWEEP_SECONDS = every.total_seconds()
    world, kept = lived(), {}
    hours = [NOW - number * DAY / 2 for number in range(2 * MONTH) if number % 3 != 1]
    needed = {NOW, NOW - DAY, NOW - 7 * DAY, hours[-1]}
    hours = sorted({*needed, *some(hours)}, reverse=True)

    def after(at: datetime) -> None:
        refresh_parts(at, everything=True)
        kept[at] = {name: OverviewPart.objects.get(pk=name).data for name in ("counts", "failures", "tops")}

    replay(world, every=every, outages=OUTAGES, after=after, after_at=hours)
    found = Counter[str]()
    for at, parts in kept.items():
        facts = facts_at(world, at)
        true = true_conditions(facts, at, kept_for(truth_of(world).policies_at(at)))
        assert parts["counts"]["phase"] == dict(Counter(each.phase for each in facts)), at
        assert parts["counts"]["condition"] == {name: true[name] for name in CONDITIONS}, at
        assert parts["failures"]["environments"] == true["failing"] + true["failed"], at
        _tops_are_the_truth(parts["tops"], facts)
        found += true
    assert len(kept) >= len(hours) - 5  # but in the outages
    assert found["total"] > 400
    assert len(+found) >= 10, "of the conditions, most occurred"
    _changes_are_against_the_truth(world, kept[NOW]["counts"])
    _no_hour_of_the_outages_is_claimed()
    _the_month_in_pictures_is_the_truth(world, kept)
    _running_time_is_the_truth(world, min(kept), every)


def kept_for(policies: Document) -> timedelta:
    """How long an archived environment is kept."""
    return timedelta(seconds=seconds_of(policies["deleteArchivedEnvironmentsAfter"]))


def true_conditions(facts: list[Facts], at: datetime, keep_for: timedelta) -> Counter[str]:
    """What is counted, by the vendor's documents and without the portal's code."""
    return Counter(name for each in facts for name, holds in _conditions(each, at, keep_for).items() if holds)


def _conditions(facts: Facts, at: datetime, keep_for: timedelta) -> dict[str, bool]:
    metadata, spec, status = (facts.document[part] for part in ("metadata", "spec", "status"))
    git = status.get("content", {}).get("git", {})
    unpushed = bool(git.get("totalUnpushedCommits") or git.get("totalChangedFiles"))
    runs, lockdown = facts.phase == Phase.RUNNING, facts.lockdown_at
    started = metadata.get("lastStartedAt")
    uses = [facts.active_at, datetime_of(instant_of(started)) if started else None]
    used = max((each for each in uses if each), default=datetime_of(instant_of(metadata["createdAt"])))
    container = status.get("devcontainer", {})
    has_container = container.get("phase") == "PHASE_RUNNING"
    late = int(status.get("runnerAck", {}).get("specVersion", "0")) < facts.spec_version
    is_up = facts.phase not in ("", Phase.STOPPED, Phase.DELETED) or facts.desired_phase == Phase.RUNNING
    stale = has_container and not container.get("secretsInSync", False)
    rebuilt = has_container and not container.get("devcontainerconfigInSync", False)
    left = lockdown - at if lockdown else None
    begun = datetime_of(instant_of(started or metadata["createdAt"]))
    active = facts.archived_at is None
    fails = bool(facts.failures) and active
    is_started = facts.phase in (Phase.CREATING, Phase.STARTING, Phase.RUNNING, Phase.UPDATING)
    awaited = is_started or begun > at - DAY
    is_open = any(port.get("admission") == "ADMISSION_LEVEL_EVERYONE" for port in spec.get("ports", []))
    never_stops, listens = facts.timeout == "0s", facts.phase in (Phase.RUNNING, Phase.UPDATING)
    return {
        "total": True,
        "archived": facts.archived_at is not None,
        "unpushed": unpushed,
        "locked-down": left is not None and left <= timedelta(0),
        "not-in-sync": (late and facts.archived_at is None and is_up) or (runs and (stale or rebuilt)),
        "failing": fails and awaited,
        "failed": fails and not awaited,
        "past-running": runs and left is not None and left <= timedelta(0),
        "deletion": bool(facts.archived_at and facts.archived_at + keep_for <= at + 3 * DAY) and unpushed,
        "deletion-7d": bool(facts.archived_at and facts.archived_at + keep_for <= at + 7 * DAY) and unpushed,
        "open": is_open and active and listens,
        "opens": is_open and active and not listens,
        "lockdown-24h": active and left is not None and timedelta(0) < left <= DAY,
        "lockdown-7d": active and left is not None and timedelta(0) < left <= 7 * DAY,
        "unacknowledged": late and facts.archived_at is None and is_up,
        "secrets": runs and stale,
        "idle": runs and used <= at - DAY,
        "never-stops": never_stops,
        "never-stop-running": never_stops and runs,
        **dict.fromkeys(OF_OTHERS, False),
    }


# what their owners, projects and runners are: tests/environments/list/test_standings.py has those
OF_OTHERS = ("runner-deleted", "runner-degraded", "owner-away", "owner-left", "project-deleted")


def _tops_are_the_truth(tops: dict[str, Any], facts: list[Facts]) -> None:
    for dimension, read in KEYS.items():
        counts = Counter(read(each.document) for each in facts)
        running = Counter(read(each.document) for each in facts if each.phase == Phase.RUNNING)
        rows = tops[dimension]["environments"]
        assert {row["key"]: (row["environments"], row["running"]) for row in rows} == {
            row["key"]: (counts[row["key"]], running[row["key"]]) for row in rows
        }
        assert [row["environments"] for row in rows] == sorted(counts.values(), reverse=True)[: len(rows)]
        assert tops[dimension]["keys"] == len(counts)


def test_every_condition_of_a_fleet_that_has_them_all_is_counted_as_it_is() -> None:
    world = World(200, 5, NOW)
    policies = {**world.organization.policies, "deleteArchivedEnvironmentsAfter": "864000s"}
    organization = read_organization(msgspec.json.encode(world.organization.document))
    observe_organization(organization, read_policies(msgspec.json.encode(policies)), NOW)
    documents = [pruned(entry.document()) for entry in world.environments.entries.values()]
    running = next(each for each in documents if each["status"].get("phase") == Phase.RUNNING)
    running["metadata"]["lockdownAt"] = "2026-03-30T00:00:00Z"
    observe(Observation(NOW, read_environment(msgspec.json.encode(each))) for each in documents)
    refresh_parts(NOW)
    facts = [Facts(**{name: read(each) for name, read in FIELDS.items()}) for each in documents]
    true = true_conditions(facts, NOW, kept_for(policies))
    told = OverviewPart.objects.get(pk="counts").data["condition"]
    assert told == {name: true[name] for name in CONDITIONS}
    assert all(count for name, count in told.items() if name not in OF_OTHERS), "each of them occurs"


def test_a_day_of_running_environments_is_the_truth_or_not_observed(settings: Any) -> None:
    settings.SWEEP_SECONDS = 1800
    world = lived(40, 9)
    hours = [NOW - number * HOUR for number in range(25)]
    after = partial(refresh_parts, everything=True)
    replay(world, every=timedelta(minutes=30), outages=MISSED, after=after, after_at=hours)
    for by in ("phase", "project", "class"):
        chart = OverviewPart.objects.get(pk=running_chart.part_name("day", by)).data
        told = {datetime.fromisoformat(begin): values for begin, _, values in chart["slots"]}
        keys = [series["key"] for series in chart["series"]]
        for at in hours[:24]:
            is_missed = any(since <= at < until for since, until in MISSED)
            assert (told[at] is None) == is_missed, at
            if not is_missed:
                true = _running_by(by, facts_at(world, at))
                others = sum(true.values()) - sum(true[key] for key in keys)
                assert told[at] == [others if key == running_chart.OTHERS else true[key] for key in keys], (by, at)
    _the_page_hatches_what_was_missed()


def _running_by(by: str, facts: list[Facts]) -> Counter[str]:
    if by == "phase":
        return Counter(each.phase for each in facts if each.phase not in running_chart.EXCLUDED_PHASES)
    return Counter(KEYS[by](each.document) for each in facts if each.phase == Phase.RUNNING)


def _the_page_hatches_what_was_missed() -> None:
    """Three hours in the picture, one at its beginning; counts are held against neither of both days."""
    page = factories.client().get("/", {"period": "day"}).content.decode()
    gaps = [tuple(map(float, each)) for each in re.findall(r'class="chart-gap" x="([\d.]+)" width="([\d.]+)"', page)]
    assert [round(width / 1000 * 24) for _, width in gaps] == [1, 3]
    rows = page[page.index("View as table") :].split("<tr>")
    assert sum("not observed</td>" in row for row in rows) == 4
    counts = page[page.index('class="ov-figures"') : page.index('id="look-back"')]
    assert 'class="ov-change"' not in counts


def _changes_are_against_the_truth(world: World, counts: dict[str, Any]) -> None:
    for name, delay in (("yesterday", DAY), ("last week", 7 * DAY)):
        before = counts["before"][name]["condition"]
        at = datetime.fromisoformat(before["at"])
        assert abs(NOW - delay - at) <= HOUR
        assert before["counts"]["total"] == len(facts_at(world, at))


def _no_hour_of_the_outages_is_claimed() -> None:
    hours = set(Snapshot.objects.filter(dimension="phase").values_list("hour", flat=True))
    for since, until in OUTAGES:
        missed = [since + number * HOUR for number in range(1, (until - since) // HOUR)]
        assert not hours & {hour_of(each) for each in missed}


def _the_month_in_pictures_is_the_truth(world: World, moments: Iterable[datetime]) -> None:
    """Each step of half a day holds one moment at most; none where nothing was observed."""
    for by in ("phase", "project", "class"):
        chart = OverviewPart.objects.get(pk=running_chart.part_name("month", by)).data
        keys, slots = [series["key"] for series in chart["series"]], chart["slots"]
        assert len(slots) == 2 * MONTH
        for begin, _, values in slots:
            since = datetime.fromisoformat(begin)
            within = [at for at in moments if since <= at < since + 12 * HOUR]
            assert (values is None) == (not within), since
            for at in within:
                true = _running_by(by, facts_at(world, at))
                others = sum(true.values()) - sum(true[key] for key in keys)
                assert values == [others if key == running_chart.OTHERS else true[key] for key in keys], (by, at)
        assert sum(values is None for _, _, values in slots) >= 3


def _running_time_is_the_truth(world: World, begin: datetime, every: timedelta) -> None:
    """Never more than that, and less only by what was not seen."""
    for dimension, read in KEYS.items():
        _running_time_by(world, dimension, read, begin, every)
    (observed,) = {sum(RunningTime.objects.filter(dimension="observed").values_list("seconds", flat=True))}
    missed = sum((until - since for since, until in OUTAGES), timedelta(0))
    assert abs(observed - (NOW - begin - missed).total_seconds()) <= 4 * every.total_seconds()


def _running_time_by(
    world: World, dimension: str, read: Callable[[Document], str], begin: datetime, every: timedelta
) -> None:
    told: defaultdict[str, float] = defaultdict(float)
    for row in RunningTime.objects.filter(dimension=dimension):
        told[row.key] += row.seconds
    true: defaultdict[str, float] = defaultdict(float)
    slack: Counter[str] = Counter()
    for identifier in truth_of(world).lives:
        key = read(truth_of(world).intervals(identifier, "document")[0].value)
        for since, until in _running(truth_of(world), identifier, begin):
            true[key] += (until - since).total_seconds()
            slack[key] += 3
    for key, seconds in told.items():
        assert seconds <= true[key] + 1, key
        assert seconds >= true[key] - slack[key] * every.total_seconds(), key
    assert sum(told.values()) > 0.8 * sum(true.values()) > 0


def _running(truth: Truth, identifier: str, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it ran, from `begin` on, without the outages."""
    looked = pairwise([begin, *(each for outage in sorted(OUTAGES) for each in outage), NOW])
    observed = list(looked)[::2]
    for interval in truth.intervals(identifier, "phase"):
        if interval.value == Phase.RUNNING:
            for since, until in observed:
                start, end = max(interval.begin, since), min(interval.end or NOW, until)
                if start < end:
                    yield start, end


def test_start_ups_differ_from_the_truth_by_no_more_than_they_say(settings: Any) -> None:
    """Of a month in which the sync looks for some hours of each day, as closely as it does."""
    settings.SWEEP_SECONDS = 20
    world, days = lived(), [NOW - number * DAY for number in range(MONTH)]
    looked = some(days)
    outages = [(day - DAY, day - 2 * HOUR if day in looked else day) for day in days]
    sweeps = replay(world, every=timedelta(seconds=20), outages=outages, after=refresh_parts, after_at=looked)
    measured = StartUp.objects.exclude(seconds=None)
    assert len(measured) >= len(looked) // 2
    assert len({start.running_at.date() for start in measured}) > len(looked) // 4
    for start in measured:
        transition = Transition.objects.get(pk=start.transition_id)
        assert transition.old_seen_at is not None
        seen = transition.old_seen_at, transition.seen_at
        begin, end = _came_up(truth_of(world), str(start.environment_id), *seen, sweeps)
        if start.kind == StartUp.Kind.CREATED:
            document = truth_of(world).intervals(str(start.environment_id), "document")[0].value
            begin = datetime_of(instant_of(document["metadata"]["createdAt"]))
        assert start.seconds is not None
        assert start.uncertain is not None
        assert abs(start.seconds - (end - begin).total_seconds()) <= start.uncertain + 1


def _came_up(
    truth: Truth, identifier: str, after: datetime, by: datetime, sweeps: Sequence[datetime]
) -> tuple[datetime, datetime]:
    """Beginning and end of the start that ended between these two moments; what came and went between two sweeps ends
    none."""
    began = None
    for interval in truth.intervals(identifier, "phase"):
        if interval.value in (Phase.CREATING, Phase.STARTING):
            began = began or interval.begin
        elif interval.value == Phase.RUNNING and after <= interval.begin <= by and began is not None:
            return began, interval.begin
        elif bisect_left(sweeps, interval.begin) < bisect_left(sweeps, interval.end or NOW):
            began = None
    raise AssertionError("it never came up then")
