"""An execution's way through its plan: groups one after another, the steps of a group together."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from portal.sandbox import editing, executions, operations
from portal.sandbox.access import Caller
from portal.sandbox.conditions import Condition
from portal.sandbox.snapshot import restore, save
from portal.sandbox.world import World

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PHASE = "TASK_EXECUTION_PHASE_"
# Ten steps in four groups; only "ship" is asked for.
NEEDS = {
    "fetch": [], "configure": [],
    "build-a": ["fetch"], "build-b": ["fetch"], "build-c": ["fetch", "configure"], "lint": ["configure"],
    "unit": ["build-a"], "e2e": ["build-b", "build-c"], "docs": ["lint"],
    "ship": ["unit", "e2e", "docs"],
}  # fmt: skip


@pytest.fixture
def world():
    return World(environments=0, seed=1, now=NOW)


@pytest.fixture
def environment(world):
    return world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})


@pytest.fixture
def caller(world):
    return Caller(world.organization.members[0]["userId"])


@pytest.fixture
def tasks(world, environment, caller):
    ids = {}
    for reference, needs in NEEDS.items():
        request = {
            "environmentId": environment,
            "metadata": {"reference": reference, "name": f"Do {reference}"},
            "spec": {"command": f"make {reference}"},
            "dependsOn": [ids[needed] for needed in needs],
        }
        ids[reference] = editing.create_task(world, request, caller)["id"]
    return ids


@pytest.fixture
def start(world, caller):
    return lambda task: operations.start_task(world, task, caller.as_subject())["id"]


def look(world, execution):
    return world.executions.entries[execution].document()


def step_phases(document):
    """The phases of the steps by label; of a step that has not started, none."""
    labels = {step["id"]: step["label"] for group in document["spec"]["plan"] for step in group["steps"]}
    return {
        labels[each["id"]].removeprefix("Do "): each["phase"].removeprefix(PHASE)
        for each in document["status"].get("steps", [])
    }


def history(world, execution, minutes=60):
    """The execution after each of its changes, to its end."""
    seen = [look(world, execution)]
    stop_listening = world.listen(lambda event: seen.append(look(world, execution)) if event.id == execution else None)
    world.advance(timedelta(minutes=minutes))
    stop_listening()
    return seen


def test_the_plan_has_a_group_for_each_level_of_dependencies_with_the_task_last(world, tasks, start):
    plan = look(world, start(tasks["ship"]))["spec"]["plan"]
    groups = [sorted(step["label"].removeprefix("Do ") for step in group["steps"]) for group in plan]
    assert groups == [
        ["configure", "fetch"], ["build-a", "build-b", "build-c", "lint"], ["docs", "e2e", "unit"], ["ship"],
    ]  # fmt: skip
    label_of = {step["id"]: step["label"] for group in plan for step in group["steps"]}
    [ship] = plan[-1]["steps"]
    assert [label_of[needed] for needed in ship["dependsOn"]] == ["Do unit", "Do e2e", "Do docs"]
    assert ship["task"]["spec"] == {"command": "make ship"}


def test_a_task_without_dependencies_is_a_plan_of_one_step(world, tasks, start):
    assert [len(group["steps"]) for group in look(world, start(tasks["fetch"]))["spec"]["plan"]] == [1]


def test_a_group_starts_together_when_all_of_the_one_before_has_succeeded(world, tasks, start):
    world.task_outcomes = dict.fromkeys(tasks, "succeed")
    seen = [step_phases(document) for document in history(world, start(tasks["ship"]))]
    assert seen[0] == {}
    assert seen[1] == {"fetch": "RUNNING", "configure": "RUNNING"}
    level = {"fetch": 0, "configure": 0, "unit": 2, "e2e": 2, "docs": 2, "ship": 3}
    for phases in seen[1:]:
        started = {level.get(each, 1) for each in phases}
        assert started == set(range(max(started) + 1))
        unfinished = {level.get(each, 1) for each, phase in phases.items() if phase == "RUNNING"}
        assert unfinished <= {max(started)}
    assert seen[-1] == dict.fromkeys(NEEDS, "SUCCEEDED")


def test_every_change_raises_the_status_version_by_one_and_the_times_are_kept(world, tasks, start):
    world.task_outcomes = dict.fromkeys(tasks, "succeed")
    documents = history(world, start(tasks["ship"]))
    versions = [int(document["status"]["statusVersion"]) for document in documents]
    assert versions == list(range(1, 1 + len(versions)))
    assert len(versions) == 1 + 1 + len(NEEDS)  # pending, begun, each step's end
    metadata = documents[-1]["metadata"]
    assert metadata["createdAt"] < metadata["startedAt"] < metadata["completedAt"]
    assert documents[-1]["status"]["phase"] == f"{PHASE}SUCCEEDED"


def test_succeeded_steps_have_outputs_of_text(world, tasks, start):
    world.task_outcomes["fetch"] = "succeed"
    [step] = history(world, start(tasks["fetch"]))[-1]["status"]["steps"]
    assert step["output"]
    assert all(isinstance(each, str) for pair in step["output"].items() for each in pair)


def test_a_failing_step_fails_the_execution_after_its_group_and_later_groups_never_start(world, tasks, start):
    world.task_outcomes = dict.fromkeys(tasks, "succeed") | {tasks["build-b"]: "fail"}
    seen = history(world, start(tasks["ship"]))
    status = seen[-1]["status"]
    assert status["phase"] == f"{PHASE}FAILED"
    assert status["failureMessage"] == "step Do build-b failed: exit status 1"
    phases = step_phases(seen[-1])
    assert phases["build-b"] == "FAILED"
    assert Counter(phases.values()) == {"SUCCEEDED": 5, "FAILED": 1}
    failed = next(step for step in status["steps"] if step["phase"] == f"{PHASE}FAILED")
    assert failed["failureMessage"] == "task failed: exit status 1"
    assert {document["status"]["phase"] for document in seen[1:-1]} == {f"{PHASE}RUNNING"}


def test_stopping_stops_what_runs_and_nothing_more_happens(world, tasks, start):
    world.task_outcomes = {"fetch": "hang", "configure": "succeed"}
    execution = start(tasks["ship"])
    world.advance(timedelta(minutes=10))
    for _ in range(2):  # stopping what has stopped is no mistake
        operations.stop_execution(world, execution)
    stopped = look(world, execution)
    assert stopped["status"]["phase"] == stopped["spec"]["desiredPhase"] == f"{PHASE}STOPPED"
    assert step_phases(stopped) == {"fetch": "STOPPED", "configure": "SUCCEEDED"}
    assert "completedAt" in stopped["metadata"]
    world.task_outcomes = {}
    world.advance(timedelta(hours=1))
    assert look(world, execution) == stopped


def test_a_pending_execution_can_be_stopped_before_any_step(world, tasks, start):
    execution = start(tasks["ship"])
    operations.stop_execution(world, execution)
    world.advance(timedelta(minutes=1))
    assert step_phases(look(world, execution)) == {}
    assert look(world, execution)["status"]["phase"] == f"{PHASE}STOPPED"


def test_a_step_that_hangs_goes_on_when_it_is_let(world, tasks, start):
    world.task_outcomes["fetch"] = "hang"
    execution = start(tasks["fetch"])
    world.advance(timedelta(hours=2))
    assert look(world, execution)["status"]["phase"] == f"{PHASE}RUNNING"
    world.task_outcomes["fetch"] = "succeed"
    world.advance(timedelta(minutes=1))
    assert look(world, execution)["status"]["phase"] == f"{PHASE}SUCCEEDED"


def test_some_fail_and_most_succeed_where_nobody_says_how_it_ends(world, tasks, start):
    started = [start(tasks["fetch"]) for _ in range(100)]
    world.advance(timedelta(hours=1))
    ends = Counter(look(world, each)["status"]["phase"].removeprefix(PHASE) for each in started)
    assert ends["SUCCEEDED"] > 70
    assert ends["FAILED"] > 2
    assert ends.total() == ends["SUCCEEDED"] + ends["FAILED"]


def test_executions_of_a_deleted_task_stay_and_end_and_are_counted(world, environment, tasks, start):
    world.task_outcomes["ship"] = "succeed"
    execution = start(tasks["ship"])
    editing.delete_task(world, world.tasks.entries[tasks["ship"]].document())
    assert tasks["ship"] not in world.tasks.entries
    world.advance(timedelta(hours=1))
    assert "completedAt" in look(world, execution)["metadata"]
    assert world.starts("ship") == {environment: 1}


def test_an_execution_under_way_goes_on_in_a_world_that_was_kept(tmp_path, world, environment, tasks, start):
    world.task_outcomes["fetch"] = "fail"
    execution = start(tasks["ship"])
    editing.delete_task(world, world.tasks.entries[tasks["ship"]].document())
    world.advance(timedelta(seconds=30))
    save(world, tmp_path / "world")
    restored = restore(tmp_path / "world")
    assert restored.starts("ship") == world.starts("ship") == {environment: 1}
    for each in (world, restored):
        each.advance(timedelta(hours=1))
    assert look(restored, execution) == look(world, execution)
    assert look(restored, execution)["status"]["failureMessage"].startswith("step Do fetch failed")


def test_starts_count_each_execution_of_a_reference_by_environment(world, environment, tasks, start, caller):
    other = world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})
    request = {"environmentId": other, "metadata": {"reference": "lint", "name": "Lint"}, "spec": {"command": "x"}}
    start(editing.create_task(world, request, caller)["id"])
    start(tasks["lint"])
    start(tasks["lint"])
    start(tasks["docs"])  # runs lint, too, but is no start of it
    assert world.starts("lint") == {environment: 2, other: 1}


def test_a_world_begins_with_executions_in_every_phase_that_agree_with_their_steps():
    world = World(environments=400, seed=3, now=NOW)
    seen = Counter()
    for entry in world.executions.entries.values():
        document = entry.document()
        phase, phases = document["status"]["phase"].removeprefix(PHASE), set(step_phases(document).values())
        expected = {
            "PENDING": set(), "RUNNING": {"RUNNING", "SUCCEEDED"}, "SUCCEEDED": {"SUCCEEDED"},
            "FAILED": {"FAILED", "SUCCEEDED"}, "STOPPED": {"STOPPED", "SUCCEEDED"},
        }[phase]  # fmt: skip
        assert phases <= expected
        assert phase == "PENDING" or phase in phases
        assert ("failureMessage" in document["status"]) == (phase == "FAILED")
        seen[phase] += 1
    assert set(seen) == {"PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"}
    unfinished = [key for key, entry in world.executions.entries.items() if entry.facts.phase in executions.UNFINISHED]
    world.agenda.items = sorted(item for item in world.agenda.items if item[2] == "execution")
    world.advance(timedelta(hours=5))
    assert {world.executions.entries[each].facts.phase for each in unfinished} <= {
        f"{PHASE}SUCCEEDED",
        f"{PHASE}FAILED",
    }


@pytest.fixture
def database(world, environment, caller):
    spec = {"commands": {"start": "postgres", "ready": "pg_isready"}}
    request = {"environmentId": environment, "metadata": {"reference": "db", "name": "Database"}, "spec": spec}
    return editing.create_service(world, request, caller)["id"]


@pytest.fixture
def migrate(world, environment, caller, database):
    request = {"environmentId": environment, "metadata": {"reference": "migrate", "name": "Do migrate"}}
    return editing.create_task(
        world, {**request, "spec": {"command": "make migrate"}, "dependsOn": [database]}, caller
    )["id"]


def test_a_task_waits_until_the_service_runs_that_it_depends_on(world, database, migrate, start):
    world.service_outcomes["db"] = world.task_outcomes["migrate"] = "succeed"
    execution = start(migrate)
    first, second = (group["steps"][0] for group in look(world, execution)["spec"]["plan"])
    assert (first["serviceId"], first["label"], second["dependsOn"]) == (database, "Database", [first["id"]])
    running = []
    for document in history(world, execution):
        if step_phases(document).get("migrate") == "RUNNING":
            running.append(world.services.entries[database].facts.phase)
    assert set(running) == {"SERVICE_PHASE_RUNNING"}
    assert look(world, execution)["status"]["phase"] == f"{PHASE}SUCCEEDED"


def test_an_execution_fails_with_the_service_that_its_task_depends_on(world, migrate, start):
    world.service_outcomes["db"] = "fail"
    execution = start(migrate)
    status = history(world, execution)[-1]["status"]
    assert status["phase"] == f"{PHASE}FAILED"
    assert status["failureMessage"] == "step Database failed: the service did not start"


def test_stopping_the_environment_stops_an_execution_that_waits_for_a_service(world, environment, migrate, start):
    world.service_outcomes["db"] = "hang"
    execution = start(migrate)
    world.advance(timedelta(minutes=1))
    assert step_phases(look(world, execution)) == {"Database": "RUNNING"}
    operations.stop(world, environment)
    assert history(world, execution)[-1]["status"]["phase"] == f"{PHASE}STOPPED"
