"""A world with a past: everything that happens in weeks happens, quickly, and what was true when is known."""

import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.sandbox.history import length_of
from portal.sandbox.server import running
from portal.sandbox.snapshot import restore, save
from portal.sandbox.world import World
from tests.support.history import NOW, beginning, lived
from tests.support.profiles import examples

BEGIN = NOW - timedelta(days=30)
MINUTE = timedelta(minutes=1)
CREATING, STOPPED = "ENVIRONMENT_PHASE_CREATING", "ENVIRONMENT_PHASE_STOPPED"


def moments(count, seed=1):
    rng = Random(seed)
    return sorted(BEGIN + rng.random() * (NOW - BEGIN) for _ in range(count))


def bodies(world):
    tables = (world.environments, world.services, world.tasks, world.executions)
    return [[(entry.key, entry.body) for entry in table.walk({})] for table in tables]


def told(world):
    lives = {key: (life.begin, life.body, life.changes, life.end) for key, life in world.truth.lives.items()}
    return lives, world.truth.policies, world.audit.entries


def test_the_truth_is_what_the_documents_were_at_a_thousand_moments():
    truth, world, rng = lived().truth, beginning(), Random(5)
    for moment in moments(250):
        world.advance(moment - world.now)
        documents = {document["id"]: document for document in world.documents()}
        assert truth.environments_at(moment) == set(documents)
        for identifier in rng.sample(sorted(documents), 4):
            assert truth.at(identifier, moment).document == documents[identifier]
    world.advance(NOW - world.now)
    assert bodies(world) == bodies(lived())


@settings(max_examples=examples(5), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    after=st.lists(st.integers(0, 30 * 24 * 60), min_size=1, max_size=6),
    begins_with=st.sampled_from(["ListEnvironments", "GetEnvironment"]),
)
def test_the_truth_is_what_the_api_answers_at_any_moment(asking, after, begins_with):
    truth, world = lived(25).truth, beginning(25)
    with running(world) as sandbox:
        asking.sandbox, asking.world = sandbox, world
        sandbox.logs.origin = ""  # the addresses of logs stay as they are
        for moment in sorted(BEGIN + minutes * MINUTE for minutes in after):
            world.advance(moment - world.now)
            body = {"filter": {"archivalStatus": "ARCHIVAL_STATUS_ALL"}}
            pages = asking.pages("EnvironmentService/ListEnvironments", "environments", body)
            answered = {each["id"]: each for page in pages for each in page}
            if begins_with == "GetEnvironment":
                answered = {identifier: asking.environment(identifier) for identifier in answered}
            known = {identifier: truth.at(identifier, moment).document for identifier in truth.environments_at(moment)}
            assert answered == known


def test_the_same_seed_gives_the_same_past_and_another_another():
    first, second, other = (World(20, seed, NOW, history=timedelta(days=9)) for seed in (3, 3, 4))
    assert told(first) == told(second)
    assert bodies(first) == bodies(second)
    assert set(first.truth.lives) != set(other.truth.lives)


def test_a_past_ends_now_and_the_world_lives_on_as_any_other():
    world = World(20, 3, NOW, history=timedelta(days=2))
    assert world.now == NOW
    assert not world.hurried
    before = sum(len(life.changes) for life in world.truth.lives.values())
    world.advance(timedelta(hours=6))
    assert sum(len(life.changes) for life in world.truth.lives.values()) > before
    assert {document["id"] for document in world.documents()} == world.truth.environments_at(world.now)


def test_three_hundred_environments_live_through_thirty_days_in_a_few_seconds():
    begin = time.process_time()
    world = World(300, 1, NOW, history=timedelta(days=30))
    assert time.process_time() - begin < 30  # about four on an idle machine
    assert 180 < len(world.environments) < 450
    assert (
        20 < Counter(document["status"]["phase"] for document in world.documents())["ENVIRONMENT_PHASE_RUNNING"] < 150
    )


def test_a_world_with_a_past_is_kept_with_its_audit_log_and_goes_on_the_same_way(tmp_path):
    world = World(20, 6, NOW, history=timedelta(days=5))
    save(world, tmp_path / "world")
    restored = restore(tmp_path / "world")
    assert restored.truth is None
    assert restored.audit.entries == world.audit.entries
    for each in (world, restored):
        each.advance(timedelta(hours=5))
    assert bodies(restored) == bodies(world)
    assert restored.audit.entries == world.audit.entries


def test_a_world_saved_in_the_middle_of_its_past_lives_through_the_rest(tmp_path):
    world = beginning(20, days=6, seed=6)
    world.advance(timedelta(days=3))
    save(world, tmp_path / "world")
    restored = restore(tmp_path / "world")
    for each in (world, restored):
        each.advance(NOW - each.now)
    assert bodies(restored) == bodies(world) == bodies(lived(20, days=6, seed=6))


# What happens


def values(name):
    truth = lived().truth
    return {identifier: [each.value for each in truth.intervals(identifier, name)] for identifier in truth.lives}


def test_environments_are_made_and_deleted():
    lives = lived().truth.lives.values()
    assert sum(moment_of(life.begin) > BEGIN for life in lives) > 15
    assert sum(life.end is not None for life in lives) > 15


def moment_of(instant):
    return datetime.fromtimestamp(instant / 1_000_000, NOW.tzinfo)


def test_environments_start_and_stop_again_and_again():
    passed = [phases.count(STOPPED) for phases in values("phase").values()]
    assert sum(passed) > 200
    assert max(passed) > 4


@pytest.mark.parametrize("name", ["machine", "content", "devcontainer", "automations"])
def test_each_part_has_phases_of_its_own(name):
    assert len({value for found in values(name).values() for value in found}) > 2


def changes(name):
    """Each value of a field with the one after it."""
    return [pair for found in values(name).values() for pair in pairwise(found)]


def test_something_fails_and_works_again():
    assert any(before and not after for before, after in changes("failures"))


def test_environments_are_archived_by_policy_and_by_people_and_brought_back():
    found = changes("archived_at")
    archived = sum(before is None for before, _ in found)
    assert any(after is None for _, after in found)
    by_people = Counter(entry.action for entry in lived().audit.entries)["archive environment"]
    assert archived > by_people > 0


def test_lockdowns_are_moved_cleared_and_reached():
    found = changes("lockdown_at")
    assert any(before and after for before, after in found)
    assert any(before and after is None for before, after in found)
    ends = [lived().truth.at(identifier, NOW).lockdown_at for identifier in lived().truth.environments_at(NOW)]
    assert any(each and each < NOW for each in ends)
    assert any(each and NOW < each < NOW + timedelta(days=7) for each in ends)
    assert any(each and each > NOW + timedelta(days=7) for each in ends)
    assert None in ends


def test_the_policies_change_twice_and_by_whom_is_known():
    truth = lived().truth
    assert [each.at for each in truth.policies] == [BEGIN, BEGIN + timedelta(days=9), BEGIN + timedelta(days=21)]
    lifetimes = [each.document["maximumEnvironmentLifetime"] for each in truth.policies]
    assert lifetimes == ["7776000s", "1209600s", "2592000s"]
    assert truth.policies_at(BEGIN + timedelta(days=10)) == truth.policies[1].document
    assert lived().organization.policies == truth.policies[2].document
    changes = [entry for entry in lived().audit.entries if entry.subject_type == "ORGANIZATION_POLICY"]
    assert [moment_of(entry.at) for entry in changes] == [each.at for each in truth.policies[1:]]
    assert {entry.actor for entry in changes} == {lived().organization.admin()["userId"]}


def test_specifications_are_changed_by_people_and_by_ona_and_each_version_is_known():
    truth, members = lived().truth, {member["userId"] for member in lived().organization.members}
    authors = set()
    for identifier in truth.lives:
        versions = truth.specifications(identifier)
        assert [each.version for each in versions] == list(
            range(versions[0].version, versions[0].version + len(versions))
        )
        assert versions[0].by is None
        assert all(each.fields and each.by in members | {""} for each in versions[1:])
        authors |= {bool(each.by) for each in versions[1:]}
        spans = [each.value for each in truth.intervals(identifier, "spec_version")]
        assert set(spans) <= {each.version for each in versions}
        assert spans[-1] == versions[-1].version
    assert authors == {True, False}


# How it is asked


def test_intervals_are_without_gaps_and_say_what_was_true_at_each_moment():
    truth, rng = lived().truth, Random(9)
    for identifier in rng.sample(sorted(truth.lives), 20):
        life = truth.lives[identifier]
        for name in ("phase", "failures", "archived_at", "lockdown_at", "spec_version"):
            spans = truth.intervals(identifier, name)
            assert [each.end for each in spans[:-1]] == [each.begin for each in spans[1:]]
            assert (spans[0].begin, spans[-1].end) == (moment_of(life.begin), life.end and moment_of(life.end))
            for each in rng.sample(spans, min(3, len(spans))):
                assert getattr(truth.at(identifier, each.begin), name) == each.value
                if each.end and each.end - each.begin > 2 * MINUTE:
                    assert getattr(truth.at(identifier, each.end - MINUTE), name) == each.value


def test_nothing_is_known_of_an_environment_before_it_was_made_or_after_it_was_gone():
    truth = lived().truth
    made = next(key for key, life in truth.lives.items() if moment_of(life.begin) > BEGIN and life.end)
    life = truth.lives[made]
    begin, end = moment_of(life.begin), moment_of(life.end)
    assert truth.at(made, begin - timedelta(seconds=1)) is None
    assert truth.at(made, begin).phase == CREATING
    assert truth.at(made, end) is None
    assert truth.at("nobody", NOW) is None


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 d", "30m", "²d", "99999d"])
def test_a_length_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="30d or 12h"):
        length_of(text)


def test_a_length_is_in_days_or_hours():
    assert length_of("30d") == timedelta(days=30)
    assert length_of("12h") == timedelta(hours=12)
