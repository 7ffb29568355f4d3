"""Services come up, fail and stop in believable times, and automations start by their triggers."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from portal.sandbox import editing, operations
from portal.sandbox.access import Caller
from portal.sandbox.conditions import Condition
from portal.sandbox.refusals import Refused
from portal.sandbox.world import World

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def world():
    return World(environments=0, seed=1, now=NOW)


@pytest.fixture
def environment(world):
    return world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})


@pytest.fixture
def make(world, environment):
    """Make a service with this spec and these triggers; answers its id."""

    def make(reference="db", triggers=(), into=environment, **spec):
        metadata = {"reference": reference, "name": reference, "triggeredBy": [{word: True} for word in triggers]}
        spec.setdefault("commands", {"start": "postgres", "ready": "pg_isready"})
        request = {"environmentId": into, "metadata": metadata, "spec": spec}
        return editing.create_service(world, request, Caller(world.organization.members[0]["userId"]))["id"]

    return make


def look(world, service):
    return world.services.entries[service].document()


def phase(world, service):
    return look(world, service)["status"]["phase"].removeprefix("SERVICE_PHASE_")


def test_a_service_is_starting_until_its_ready_command_succeeds_then_runs_with_outputs(world, make):
    world.service_outcomes["db"] = "succeed"
    service = make()
    operations.start_service(world, service)
    before = look(world, service)
    assert phase(world, service) == "STARTING"
    assert "output" not in before["status"]
    world.advance(timedelta(minutes=1))
    after = look(world, service)
    assert phase(world, service) == "RUNNING"
    assert after["status"]["output"]
    assert int(after["status"]["statusVersion"]) == int(before["status"]["statusVersion"]) + 1
    assert after["spec"] == before["spec"]


def test_a_service_without_a_ready_command_runs_at_once(world, make):
    world.service_outcomes["db"] = "succeed"
    service = make(commands={"start": "sleep infinity"}, readinessTimeout="1s")
    operations.start_service(world, service)
    world.advance(timedelta(seconds=1))
    assert phase(world, service) == "RUNNING"


def test_one_that_never_gets_ready_fails_at_its_readiness_timeout_and_says_so(world, make):
    world.service_outcomes["db"] = "hang"
    service = make(readinessTimeout="90s")
    operations.start_service(world, service)
    world.advance(timedelta(seconds=89))
    assert phase(world, service) == "STARTING"
    world.advance(timedelta(seconds=1))
    assert phase(world, service) == "FAILED"
    assert "within 90s" in look(world, service)["status"]["failureMessage"]


def test_without_a_readiness_timeout_it_is_starting_for_ever(world, make):
    world.service_outcomes["db"] = "hang"
    service = make(readinessTimeout="0s")
    operations.start_service(world, service)
    world.advance(timedelta(days=1))
    assert phase(world, service) == "STARTING"


def test_no_service_is_ever_starting_for_longer_than_its_readiness_timeout(world, make):
    services = [make(f"s{number}", readinessTimeout="20s") for number in range(60)]
    for service in services:
        operations.start_service(world, service)
    world.advance(timedelta(seconds=20))
    ends = Counter(phase(world, service) for service in services)
    assert set(ends) == {"RUNNING", "FAILED"}


def test_a_few_services_fail_to_start_and_later_a_few_that_run_fail(world, make):
    services = [make(f"s{number}") for number in range(150)]
    for service in services:
        operations.start_service(world, service)
    world.advance(timedelta(minutes=5))
    soon = Counter(phase(world, service) for service in services)
    assert soon["RUNNING"] > 120
    assert soon["FAILED"] > 0
    world.advance(timedelta(hours=10))
    later = Counter(phase(world, service) for service in services)
    assert soon["FAILED"] < later["FAILED"] < 30
    assert all("failureMessage" in look(world, each)["status"] for each in services if phase(world, each) == "FAILED")


def test_a_failed_one_starts_anew(world, make):
    world.service_outcomes["db"] = "fail"
    service = make()
    operations.start_service(world, service)
    world.advance(timedelta(minutes=1))
    failed = look(world, service)["status"]
    assert failed["phase"] == "SERVICE_PHASE_FAILED"
    world.service_outcomes["db"] = "succeed"
    operations.start_service(world, service)
    world.advance(timedelta(minutes=1))
    status = look(world, service)["status"]
    assert status["phase"] == "SERVICE_PHASE_RUNNING"
    assert "failureMessage" not in status
    assert status["session"] != failed["session"]


def test_one_stopped_while_it_starts_stops_and_does_not_come_up(world, make):
    service = make()
    operations.start_service(world, service)
    operations.stop_service(world, service)
    assert phase(world, service) == "STOPPING"
    world.advance(timedelta(minutes=5))
    assert phase(world, service) == "STOPPED"
    assert look(world, service)["spec"]["desiredPhase"] == "SERVICE_PHASE_STOPPED"


def test_one_started_while_it_stops_starts_after_that(world, make):
    world.service_outcomes["db"] = "succeed"
    service = make()
    operations.start_service(world, service)
    world.advance(timedelta(minutes=1))
    operations.stop_service(world, service)
    operations.start_service(world, service)
    assert phase(world, service) == "STOPPING"
    world.advance(timedelta(minutes=1))
    assert phase(world, service) == "RUNNING"


def test_a_stop_of_the_environment_stops_it_whatever_was_asked_of_it(world, environment, make):
    world.service_outcomes["db"] = "succeed"
    service = make()
    operations.start_service(world, service)
    world.advance(timedelta(minutes=1))
    operations.stop_service(world, service)
    operations.start_service(world, service)
    operations.stop(world, environment)
    world.advance(timedelta(minutes=5))
    assert phase(world, service) == "STOPPED"
    assert "output" not in look(world, service)["status"]
    with pytest.raises(Refused, match="not running"):
        operations.start_service(world, service)
    operations.stop_service(world, service)


# Triggers


def make_task(world, environment, reference, *triggers):
    metadata = {"reference": reference, "name": reference, "triggeredBy": [{word: True} for word in triggers]}
    request = {"environmentId": environment, "metadata": metadata, "spec": {"command": "true"}}
    return editing.create_task(world, request, Caller(world.organization.members[0]["userId"]))["id"]


def started(world):
    return {entry.facts.reference: entry.document()["metadata"]["startedBy"] for entry in world.executions.walk({})}


@pytest.fixture
def stopped(world):
    return world.add_environment(Condition("STOPPED"), spec={"automationsFile": None})


def come_up(world, environment):
    while world.document(environment)["status"]["phase"] != "ENVIRONMENT_PHASE_RUNNING":
        world.advance(timedelta(seconds=5))


def test_a_start_of_the_environment_starts_what_has_a_trigger_for_it_and_nothing_else(world, make, stopped):
    waiting = {word: make(word, [word], into=stopped) for word in ("manual", "postEnvironmentStart", "prebuild")}
    make_task(world, stopped, "both", "postDevcontainerStart", "postEnvironmentStart")
    make_task(world, stopped, "machine", "postMachineStart")
    make_task(world, stopped, "manual", "manual")
    make_task(world, stopped, "never")
    operations.start(world, stopped)
    come_up(world, stopped)
    desired = {word: look(world, each)["spec"]["desiredPhase"] for word, each in waiting.items()}
    assert [word for word, wish in desired.items() if wish.endswith("RUNNING")] == ["postEnvironmentStart"]
    assert started(world) == {"both": "postDevcontainerStart", "machine": "postMachineStart"}
    creators = {entry.facts.creator for entry in world.executions.walk({})}
    assert creators == {world.document(stopped)["metadata"]["creator"]["id"]}


def test_a_rebuilt_devcontainer_starts_only_what_waits_for_a_devcontainer(world, environment):
    make_task(world, environment, "container", "postDevcontainerStart")
    make_task(world, environment, "environment", "postEnvironmentStart")
    world.change(environment, spec={"devcontainer": {"session": "00000000-0000-4000-8000-000000000001"}})
    world.advance(timedelta(seconds=5))
    assert world.document(environment)["status"]["phase"] == "ENVIRONMENT_PHASE_UPDATING"
    come_up(world, environment)
    assert started(world) == {"container": "postDevcontainerStart"}


def test_a_new_environment_gets_what_its_file_says_when_it_first_runs_and_who_watches_hears_of_it():
    world = World(environments=0, seed=2, now=NOW)
    environment = world.add_environment(
        Condition("CREATING"), spec={"automationsFile": {"automationsFilePath": ".ona/automations.yaml"}}
    )
    heard = []
    world.listen(heard.append)
    come_up(world, environment)
    created = {event.resource: event.environment for event in heard if event.operation == "CREATE"}
    assert created.get("TASK") == environment
    mine = {"environment": [environment]}
    assert {entry.facts.phase for entry in world.services.walk(mine)} <= {
        "SERVICE_PHASE_STARTING",
        "SERVICE_PHASE_STOPPED",
    }
    assert {entry.facts.phase for entry in world.executions.walk(mine)} <= {"TASK_EXECUTION_PHASE_PENDING"}


def test_services_found_starting_when_the_world_begins_arrive():
    world = World(environments=2100, seed=3, now=NOW)
    starting = [key for key, entry in world.services.entries.items() if entry.facts.phase.endswith("STARTING")]
    assert starting
    world.agenda.items = sorted(item for item in world.agenda.items if item[2] == "service")
    world.advance(timedelta(minutes=11))
    assert {phase(world, each) for each in starting} <= {"RUNNING", "FAILED"}
