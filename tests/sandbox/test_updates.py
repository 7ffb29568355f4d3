"""What can be asked of one environment, and what is refused, as NOTES tells."""

import json
from datetime import timedelta

import pytest
from gitpod.v1 import organization_pb2

from portal.sandbox import tokens
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import datetime_of, rfc3339

UPDATE = "EnvironmentService/UpdateEnvironment"


@pytest.fixture
def identifier(asking):
    return asking.world.add_environment(Condition(git="both"))


def update(asking, identifier, **parts):
    assert asking.ask(UPDATE, {"environmentId": identifier, **parts}) == {}
    return asking.environment(identifier)


def refused(asking, identifier, **parts):
    before = asking.environment(identifier)
    answer = asking.refusal(UPDATE, {"environmentId": identifier, **parts})
    assert asking.environment(identifier) == before
    return answer


def acknowledged(asking, identifier):
    """The environment once its runner has had the time to answer."""
    asking.world.advance(timedelta(seconds=4))
    return asking.environment(identifier)


def in_future(asking, **by):
    return rfc3339(asking.world.instant + int(timedelta(**by).total_seconds()) * 1_000_000)


def test_only_what_is_given_changes(asking, identifier):
    before = asking.environment(identifier)
    after = update(asking, identifier, spec={"timeout": {"disconnected": "7200s"}})
    assert after["spec"].pop("timeout") == {"disconnected": "7200s"}
    assert int(after["spec"].pop("specVersion")) == int(before["spec"].pop("specVersion")) + 1
    before["spec"].pop("timeout")
    assert (after["spec"], after["metadata"]) == (before["spec"], before["metadata"])


def test_a_new_name_leaves_the_spec_and_its_version_alone(asking, identifier):
    before = asking.environment(identifier)
    after = update(asking, identifier, metadata={"name": "neu & größer"})
    assert after["metadata"] == before["metadata"] | {"name": "neu & größer"}
    assert after["spec"] == before["spec"]


@pytest.mark.parametrize(
    "part",
    [
        {"spec": {"machine": {"class": "x"}}},
        {"spec": {"secrets": [{"name": "X"}]}},
        {"metadata": {"creator": {"id": "x"}}},
        {"metadata": {"archivedAt": "2026-01-01T00:00:00Z"}},
        {"status": {"phase": "ENVIRONMENT_PHASE_RUNNING"}},
    ],
)
def test_fields_that_only_ona_writes_cannot_be_given(asking, identifier, part):
    code, message = refused(asking, identifier, **part)
    assert code == "invalid_argument"
    assert "no field named" in message


def test_ports_are_replaced_as_a_list_and_get_their_addresses(asking, identifier):
    port = {"port": 4000, "name": "docs", "protocol": "PROTOCOL_HTTP", "admission": "ADMISSION_LEVEL_ORGANIZATION"}
    assert update(asking, identifier, spec={"ports": [port]})["spec"]["ports"] == [port]
    after = acknowledged(asking, identifier)
    assert [each["port"] for each in after["status"]["environmentUrls"]["ports"]] == [4000]


def test_ssh_keys_are_patched_by_id(asking, identifier):
    update(
        asking,
        identifier,
        spec={"sshPublicKeys": [{"id": "a", "value": "ssh-ed25519 A"}, {"id": "b", "value": "ssh-ed25519 B"}]},
    )
    keys = {key["id"] for key in asking.environment(identifier)["spec"]["sshPublicKeys"]}
    assert {"a", "b"} <= keys
    after = update(asking, identifier, spec={"sshPublicKeys": [{"id": "a"}]})
    assert {key["id"] for key in after["spec"]["sshPublicKeys"]} == keys - {"a"}
    assert (
        update(asking, identifier, spec={"sshPublicKeys": []})["spec"]["sshPublicKeys"]
        == after["spec"]["sshPublicKeys"]
    )


def test_a_new_devcontainer_session_rebuilds_the_container_and_keeps_the_content(asking, identifier):
    git = asking.environment(identifier)["status"]["content"]["git"]
    update(asking, identifier, spec={"devcontainer": {"session": "s-2"}})
    after = acknowledged(asking, identifier)
    assert after["status"]["phase"] == "ENVIRONMENT_PHASE_UPDATING"
    assert after["status"]["devcontainer"]["phase"] == "PHASE_CREATING"
    assert after["status"]["content"]["git"] == git
    asking.world.advance(timedelta(minutes=5))
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_RUNNING"


def test_a_new_content_session_initializes_the_content_again(asking, identifier):
    update(asking, identifier, spec={"content": {"session": "s-2"}})
    after = acknowledged(asking, identifier)
    assert after["status"]["content"]["phase"] == "CONTENT_PHASE_INITIALIZING"
    assert "git" not in after["status"]["content"]


def test_a_path_may_be_cleared_and_is_not_when_it_is_absent(asking, identifier):
    update(asking, identifier, spec={"devcontainer": {"devcontainerFilePath": "dev/devcontainer.json"}})
    assert update(asking, identifier, spec={"devcontainer": {}})["spec"]["devcontainer"]["devcontainerFilePath"]
    after = update(asking, identifier, spec={"devcontainer": {"devcontainerFilePath": ""}})
    assert "devcontainerFilePath" not in after["spec"]["devcontainer"]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"spec": {"timeout": {"disconnected": "60s"}}}, "spec.timeout.disconnected"),
        ({"spec": {"ports": [{"port": 80, "name": "low"}]}}, "spec.ports[0].port"),
        ({"spec": {"ports": [{"port": 8080, "name": ""}]}}, "spec.ports[0].name"),
        ({"spec": {"devcontainer": {"devcontainerFilePath": "/etc/x"}}}, "spec.devcontainer.devcontainer_file_path"),
        ({"metadata": {"name": "x" * 129}}, "metadata.name"),
        ({"environmentId": "nope"}, "environment_id"),
    ],
)
def test_what_breaks_the_vendors_rules_is_refused_with_the_fields_name(asking, identifier, part, field):
    code, message = asking.refusal(UPDATE, {"environmentId": identifier, **part})
    assert code == "invalid_argument"
    assert message.startswith(f"{field}: ")


def test_a_name_may_be_longer_in_an_update_than_at_creation(asking, identifier):
    update(asking, identifier, metadata={"name": "x" * 128})
    spec = {"machine": {"class": asking.world.organization.classes[0]["id"]}}
    code, message = asking.refusal("EnvironmentService/CreateEnvironment", {"name": "x" * 81, "spec": spec})
    assert (code, message.partition(":")[0]) == ("invalid_argument", "name")


def test_policies_cap_the_timeout_and_limit_how_open_a_port_may_be(asking, identifier):
    assert refused(asking, identifier, spec={"timeout": {"disconnected": "36000s"}})[0] == "failed_precondition"
    assert refused(asking, identifier, spec={"timeout": {"disconnected": "0s"}})[0] == "failed_precondition"
    everyone = {"port": 4000, "name": "x", "admission": "ADMISSION_LEVEL_EVERYONE"}
    assert refused(asking, identifier, spec={"ports": [everyone]})[0] == "failed_precondition"
    asking.world.organization.policies["portSharingDisabled"] = True
    assert (
        refused(asking, identifier, spec={"ports": [everyone | {"admission": "ADMISSION_LEVEL_OWNER_ONLY"}]})[0]
        == "failed_precondition"
    )


def test_lockdown_can_be_set_to_the_future_and_cleared_but_not_set_to_the_past(asking, identifier):
    soon = in_future(asking, hours=3)
    assert update(asking, identifier, metadata={"lockdownAt": soon})["metadata"]["lockdownAt"] == soon
    code, message = refused(asking, identifier, metadata={"lockdownAt": in_future(asking, hours=-1)})
    assert (code, message.partition(":")[0]) == ("invalid_argument", "metadata.lockdownAt")
    assert "lockdownAt" not in update(asking, identifier, metadata={"lockdownAt": "1970-01-01T00:00:00Z"})["metadata"]


def test_a_lockdown_that_was_set_takes_effect(asking):
    identifier = asking.world.add_environment(Condition(never_stops=True))
    update(asking, identifier, metadata={"lockdownAt": in_future(asking, hours=1)})
    asking.world.advance(timedelta(hours=1, minutes=1))
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPED"


def test_in_strict_mode_a_locked_down_environment_does_not_start(asking):
    identifier = asking.world.add_environment(Condition("STOPPED", lockdown="past"))
    response = asking.post("EnvironmentService/StartEnvironment", {"environmentId": identifier})
    assert response.json()["code"] == "failed_precondition"
    (detail,) = response.json()["details"]
    assert detail["type"] == organization_pb2.EnvironmentMaxLifetimeExceededDetails.DESCRIPTOR.full_name
    asking.world.organization.policies["maximumEnvironmentLifetimeStrict"] = False
    asking.ask("EnvironmentService/StartEnvironment", {"environmentId": identifier})


def test_starting_what_runs_and_stopping_what_is_stopped_changes_nothing(asking, identifier):
    stopped = asking.world.add_environment(Condition("STOPPED"))
    for rpc, target in (("StartEnvironment", identifier), ("StopEnvironment", stopped)):
        before = asking.environment(target)
        asking.ask(f"EnvironmentService/{rpc}", {"environmentId": target})
        assert asking.environment(target) == before


def test_archiving_stops_first_and_an_archived_environment_does_not_start(asking, identifier):
    asking.ask("EnvironmentService/ArchiveEnvironment", {"environmentId": identifier})
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPING"
    asking.world.advance(timedelta(minutes=2))
    assert (
        asking.refusal("EnvironmentService/StartEnvironment", {"environmentId": identifier})[0] == "failed_precondition"
    )
    asking.ask("EnvironmentService/UnarchiveEnvironment", {"environmentId": identifier})
    asking.ask("EnvironmentService/StartEnvironment", {"environmentId": identifier})


@pytest.mark.parametrize(("force", "next_phase"), [(False, "STOPPING"), (True, "DELETING")])
def test_deleting_stops_first_unless_forced_and_ends_in_not_found(asking, identifier, force, next_phase):
    asking.ask("EnvironmentService/DeleteEnvironment", {"environmentId": identifier, "force": force})
    assert asking.environment(identifier)["status"]["phase"] == f"ENVIRONMENT_PHASE_{next_phase}"
    assert refused(asking, identifier, metadata={"name": "x"})[0] == "failed_precondition"
    start = {"environmentId": identifier}
    assert asking.refusal("EnvironmentService/StartEnvironment", start)[0] == "failed_precondition"
    asking.world.advance(timedelta(minutes=3))
    get = {"environmentId": identifier}
    assert asking.refusal("EnvironmentService/GetEnvironment", get)[0] == "not_found"
    assert asking.refusal("EnvironmentService/StartEnvironment", get)[0] == "not_found"


def test_marking_active_puts_off_the_stop_for_inactivity(asking):
    identifier = asking.world.add_environment(Condition(idle_days=1), spec={"timeout": {"disconnected": "1800s"}})
    signal = {"source": "portal", "timestamp": rfc3339(asking.world.instant)}
    asking.ask("EnvironmentService/MarkEnvironmentActive", {"environmentId": identifier, "activitySignal": signal})
    assert asking.environment(identifier)["status"]["activitySignal"] == signal
    asking.world.advance(timedelta(minutes=20))
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_RUNNING"
    asking.world.advance(timedelta(minutes=20))
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPED"


@pytest.mark.parametrize("rpc", ["CreateEnvironmentAccessToken", "CreateEnvironmentLogsToken"])
def test_tokens_live_for_an_hour(asking, identifier, rpc):
    token = asking.ask(f"EnvironmentService/{rpc}", {"environmentId": identifier})["accessToken"]
    asking.world.advance(timedelta(minutes=59))
    assert tokens.is_valid(asking.world, token, identifier)
    asking.world.advance(timedelta(minutes=2))
    assert not tokens.is_valid(asking.world, token, identifier)


def test_an_environment_made_from_a_project_has_what_the_project_says(asking):
    project = asking.world.organization.projects[2]
    body = {"projectId": project["id"], "name": "from project", "spec": {"timeout": {"disconnected": "3600s"}}}
    made = asking.ask("EnvironmentService/CreateEnvironmentFromProject", body)["environment"]
    assert made["metadata"]["projectId"] == project["id"]
    assert made["spec"]["content"]["initializer"] == project["initializer"]
    assert made["spec"]["timeout"] == {"disconnected": "3600s"}
    lifetime = datetime_of(asking.world.instant) + timedelta(days=90)
    assert made["metadata"]["lockdownAt"][:13] == lifetime.isoformat()[:13]


def test_an_unknown_class_or_a_disabled_one_is_refused(asking):
    make = "EnvironmentService/CreateEnvironment"
    assert asking.refusal(make, {"spec": {"machine": {"class": "x"}}})[0] == "invalid_argument"
    disabled = asking.world.organization.classes[-1]["id"]
    assert asking.refusal(make, {"spec": {"machine": {"class": disabled}}})[0] == "failed_precondition"


def test_a_request_that_is_not_json_is_the_callers_mistake(asking):
    url = f"{asking.sandbox.base_url}/gitpod.v1.{UPDATE}"
    headers = {"authorization": f"Bearer {asking.sandbox.token}", "content-type": "application/json"}
    response = asking.client.post(url, content=b'{"environmentId": ', headers=headers)
    assert (response.status_code, json.loads(response.content)["code"]) == (400, "invalid_argument")


def test_kernel_controls_are_taken_as_a_whole(asking):
    identifier = asking.world.add_environment()
    veto = {"exec": {"enabled": True, "denylist": ["nc"], "watch": True}, "file": {"enabled": True}}
    for given in ({"veto": veto, "bpfDebugLevel": "BPF_DEBUG_LEVEL_INFO"}, {"veto": {"exec": {"denylist": ["nmap"]}}}):
        spec = {"kernelControlsConfig": given}
        asking.ask("EnvironmentService/UpdateEnvironment", {"environmentId": identifier, "spec": spec})
        assert asking.environment(identifier)["spec"]["kernelControlsConfig"] == given
