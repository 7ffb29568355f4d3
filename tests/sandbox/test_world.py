"""The invented organization: the same for the same seed, showing everything, and alive."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from gitpod.v1 import environment_automation_pb2, environment_pb2, organization_pb2, project_pb2, runner_pb2
from google.protobuf import json_format

from portal.sandbox.conditions import Condition
from portal.sandbox.world import World

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def digest(world):
    parts = hashlib.sha256()
    for table in (world.environments, world.services, world.tasks, world.executions):
        for entry in table.walk({}):
            parts.update(entry.body)
    parts.update(msgspec.json.encode([world.organization.members, world.organization.projects]))
    return parts.hexdigest()


def phases(world):
    return Counter(document["status"]["phase"].removeprefix("ENVIRONMENT_PHASE_") for document in world.documents())


@pytest.fixture(scope="module")
def documents():
    return list(World(environments=300, seed=1, now=NOW).documents())


def some(documents, test):
    return any(test(document) for document in documents)


def test_the_same_seed_gives_the_same_world_and_the_same_days():
    first, second = (World(environments=120, seed=5, now=NOW) for _ in range(2))
    assert digest(first) == digest(second)
    first.advance(timedelta(hours=5))
    for _ in range(10):
        second.advance(timedelta(minutes=30))
    assert digest(first) == digest(second)


def test_another_seed_gives_another_world():
    assert digest(World(environments=20, seed=5, now=NOW)) != digest(World(environments=20, seed=6, now=NOW))


def test_a_big_world_has_as_many_environments_as_asked_for_and_no_id_twice():
    world = World(environments=5000, seed=2, now=NOW)
    assert len({document["id"] for document in world.documents()}) == len(world.environments) == 5000
    assert {entry.facts.environment for entry in world.tasks.entries.values()} <= set(world.environments.entries)


def test_every_document_is_one_the_vendors_messages_can_hold():
    world = World(environments=2500, seed=3, now=NOW)  # more than are born one by one
    kinds = {
        environment_pb2.Environment: world.environments,
        environment_automation_pb2.Service: world.services,
        environment_automation_pb2.Task: world.tasks,
        environment_automation_pb2.TaskExecution: world.executions,
    }
    for kind, table in kinds.items():
        for entry in list(table.walk({}))[::7]:
            message = json_format.ParseDict(entry.document(), kind())
            assert json_format.MessageToDict(message) == entry.document()
    organization = world.organization
    for kind, found in (
        (organization_pb2.OrganizationMember, organization.members),
        (project_pb2.Project, organization.projects),
        (runner_pb2.Runner, organization.runners),
        (organization_pb2.OrganizationPolicies, [organization.policies]),
    ):
        for document in found:
            json_format.ParseDict(document, kind())


PHASES = ["CREATING", "STARTING", "RUNNING", "UPDATING", "STOPPING", "STOPPED", "DELETING", "DELETED"]


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_is_there(documents, phase):
    assert some(documents, lambda d: d["status"]["phase"] == f"ENVIRONMENT_PHASE_{phase}")


CONDITIONS = {
    "archived": lambda d: "archivedAt" in d["metadata"],
    "locked down": lambda d: d["metadata"].get("lockdownAt", "9") < NOW.isoformat(),
    "locked down within a day": lambda d: NOW.isoformat()
    < d["metadata"].get("lockdownAt", "")
    < (NOW + timedelta(days=1)).isoformat(),
    "locked down within a week": lambda d: (NOW + timedelta(days=1)).isoformat()
    < d["metadata"].get("lockdownAt", "")
    < (NOW + timedelta(days=7)).isoformat(),
    "never locked down": lambda d: "lockdownAt" not in d["metadata"],
    "workflow": lambda d: d["metadata"]["role"] == "ENVIRONMENT_ROLE_WORKFLOW",
    "prebuild": lambda d: d["metadata"]["role"] == "ENVIRONMENT_ROLE_PREBUILD",
    "content failed": lambda d: d["status"].get("content", {}).get("phase") == "CONTENT_PHASE_FAILED",
    "devcontainer failed": lambda d: d["status"].get("devcontainer", {}).get("phase") == "PHASE_FAILED",
    "machine failed": lambda d: "failureMessage" in d["status"]["machine"],
    "automations failed": lambda d: "failureMessage" in d["status"].get("automationsFile", {}),
    "secret failed": lambda d: any("failureMessage" in secret for secret in d["status"].get("secrets", [])),
    "unpushed": lambda d: d["status"].get("content", {}).get("git", {}).get("totalUnpushedCommits", 0) > 0,
    "changed files": lambda d: d["status"].get("content", {}).get("git", {}).get("totalChangedFiles", 0) > 0,
    "git unknown": lambda d: d["status"]["phase"].endswith("RUNNING") and "git" not in d["status"]["content"],
    "open port": lambda d: any(p["admission"].endswith("EVERYONE") for p in d["spec"].get("ports", [])),
    "never stops": lambda d: d["spec"]["timeout"]["disconnected"] == "0s",
    "secrets out of sync": lambda d: d["status"]["phase"].endswith("RUNNING")
    and not d["status"]["devcontainer"].get("secretsInSync"),
    "warning": lambda d: "warningMessage" in d["status"],
    "runner behind": lambda d: int(d["status"].get("runnerAck", {}).get("specVersion", 2**64))
    < int(d["spec"]["specVersion"]),
    "kernel controls": lambda d: "kernelControlsConfig" in d["spec"],
    "beyond a double": lambda d: int(d["spec"]["specVersion"]) > 2**53,
    "beyond a signed integer": lambda d: int(d["status"]["statusVersion"]) > 2**63,
    "markup in the name": lambda d: "<script>" in d["metadata"]["name"],
    "idle for days": lambda d: d["status"]["phase"].endswith("RUNNING")
    and d["status"]["activitySignal"]["timestamp"] < (NOW - timedelta(days=3)).isoformat(),
}  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_is_there(documents, condition):
    assert some(documents, CONDITIONS[condition])


def test_only_https_addresses_are_given_for_ports(documents):
    urls = [port["url"] for d in documents for port in d["status"].get("environmentUrls", {}).get("ports", [])]
    assert urls
    assert all(url.startswith("https://") for url in urls)


def test_a_start_goes_through_its_phases_one_by_one():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition("CREATING"))
    seen = []
    for _ in range(600):
        status = world.document(identifier)["status"]
        state = (status["phase"], status["machine"]["phase"], status.get("content", {}).get("phase"))
        if not seen or seen[-1] != state:
            seen.append(state)
        world.advance(timedelta(seconds=1))
    assert seen == [
        ("ENVIRONMENT_PHASE_CREATING", "PHASE_CREATING", None),
        ("ENVIRONMENT_PHASE_STARTING", "PHASE_STARTING", "CONTENT_PHASE_CREATING"),
        ("ENVIRONMENT_PHASE_STARTING", "PHASE_RUNNING", "CONTENT_PHASE_INITIALIZING"),
        ("ENVIRONMENT_PHASE_STARTING", "PHASE_RUNNING", "CONTENT_PHASE_READY"),
        ("ENVIRONMENT_PHASE_RUNNING", "PHASE_RUNNING", "CONTENT_PHASE_READY"),
    ]


def test_a_running_environment_signals_activity_and_stops_when_nobody_uses_it():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition())
    before = world.document(identifier)["status"]["activitySignal"]["timestamp"]
    world.advance(timedelta(minutes=7))
    assert world.document(identifier)["status"]["activitySignal"]["timestamp"] > before
    world.advance(timedelta(hours=6))
    assert world.document(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPED"


def test_an_environment_that_never_stops_does_not():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition(never_stops=True, idle_days=4))
    world.advance(timedelta(days=2))
    assert world.document(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_RUNNING"


def test_the_stopped_are_archived_and_the_archived_deleted():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition("STOPPED"))
    world.advance(timedelta(days=3, hours=1))
    assert "archivedAt" in world.document(identifier)["metadata"]
    world.advance(timedelta(days=14, hours=1))
    assert identifier not in world.environments.entries


def test_lockdown_stops_what_runs():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition(lockdown="day", never_stops=True))
    world.advance(timedelta(days=1))
    assert world.document(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPED"


def test_every_change_raises_the_version_of_the_part_it_touches_and_tells():
    world = World(environments=0, seed=1, now=NOW)
    identifier = world.add_environment(Condition())
    heard = []
    world.listen(heard.append)
    before = world.document(identifier)
    after = world.change(identifier, status={"warningMessage": ["disk"]})
    assert int(after["status"]["statusVersion"]) == int(before["status"]["statusVersion"]) + 1
    assert after["spec"] == before["spec"]
    assert [(event.operation, event.id) for event in heard] == [("UPDATE_STATUS", identifier)]


def test_an_organization_lives_on_for_a_week_without_running_empty_or_over():
    world = World(environments=100, seed=8, now=NOW)
    world.advance(timedelta(days=7))
    assert 50 < len(world.environments) < 400
    assert phases(world)["RUNNING"] > 3
