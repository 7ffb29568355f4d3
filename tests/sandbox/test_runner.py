"""A changed spec is acknowledged after a moment, refused, or never answered; then it is applied."""

from datetime import timedelta

import pytest

from portal.sandbox import runner
from portal.sandbox.conditions import Condition
from portal.sandbox.snapshot import restore, save
from portal.sandbox.world import World

PORT = {"port": 4000, "name": "docs", "protocol": "PROTOCOL_HTTP", "admission": "ADMISSION_LEVEL_OWNER_ONLY"}


def update(asking, identifier, **spec):
    asking.ask("EnvironmentService/UpdateEnvironment", {"environmentId": identifier, "spec": spec})
    return asking.environment(identifier)


def later(asking, identifier, seconds=4.0):
    asking.world.advance(timedelta(seconds=seconds))
    return asking.environment(identifier)


def behind(document):
    return document["status"]["runnerAck"]["specVersion"] != document["spec"]["specVersion"]


@pytest.mark.parametrize("phase", ["RUNNING", "STOPPED"])
def test_a_version_is_acknowledged_within_one_to_four_seconds_machine_or_no_machine(asking, phase):
    identifier = asking.world.add_environment(Condition(phase))
    assert behind(update(asking, identifier, ports=[PORT]))
    assert behind(later(asking, identifier, 0.9))
    after = later(asking, identifier, 3.1)
    assert not behind(after)
    assert after["status"]["runnerAck"]["statusCode"] == "STATUS_CODE_OK"
    ports = after["status"].get("environmentUrls", {}).get("ports", [])
    assert [each["port"] for each in ports] == ([4000] if phase == "RUNNING" else [])


def test_two_updates_in_a_row_end_with_the_newest_acknowledged(asking):
    identifier = asking.world.add_environment()
    update(asking, identifier, ports=[PORT])
    update(asking, identifier, ports=[{**PORT, "port": 4001}])
    after = later(asking, identifier)
    assert not behind(after)
    assert [each["port"] for each in after["status"]["environmentUrls"]["ports"]] == [4001]


def test_keys_and_the_timeout_reach_the_machine_with_the_acknowledgement(asking):
    identifier = asking.world.add_environment()
    before = update(
        asking, identifier, sshPublicKeys=[{"id": "k", "value": "ssh-ed25519 K"}], timeout={"disconnected": "5400s"}
    )
    assert "k" not in [key["id"] for key in before["status"].get("sshPublicKeys", [])]
    after = later(asking, identifier)
    assert {"id": "k", "phase": "CONTENT_PHASE_READY"} in after["status"]["sshPublicKeys"]
    assert after["status"]["machine"]["timeout"] == "5400s"


def test_another_devcontainer_file_waits_for_a_rebuild_and_says_so(asking):
    identifier = asking.world.add_environment()
    update(asking, identifier, devcontainer={"devcontainerFilePath": "dev/devcontainer.json"})
    after = later(asking, identifier)
    assert (after["status"]["phase"], behind(after)) == ("ENVIRONMENT_PHASE_RUNNING", False)
    assert "devcontainerconfigInSync" not in after["status"]["devcontainer"]
    update(asking, identifier, devcontainer={"session": "s-2"})
    asking.world.advance(timedelta(minutes=5))
    container = asking.environment(identifier)["status"]["devcontainer"]
    assert container["devcontainerFilePath"] == "dev/devcontainer.json"
    assert container["devcontainerconfigInSync"]
    assert container["session"] == "s-2"


def test_another_automations_file_is_read(asking):
    identifier = asking.world.add_environment()
    update(asking, identifier, automationsFile={"automationsFilePath": "ops/automations.yaml"})
    assert later(asking, identifier)["status"]["automationsFile"]["automationsFilePath"] == "ops/automations.yaml"


@pytest.mark.parametrize("condition", [Condition(refuses_spec=True), Condition(failing="ack")])
def test_a_runner_that_refuses_names_the_version_and_why_and_applies_nothing(asking, condition):
    identifier = asking.world.add_environment(condition)
    urls = asking.environment(identifier)["status"].get("environmentUrls")
    update(asking, identifier, ports=[PORT], devcontainer={"session": "s-2"})
    after = later(asking, identifier)
    assert after["status"]["runnerAck"] == {
        "specVersion": after["spec"]["specVersion"],
        "statusCode": "STATUS_CODE_FAILED_PRECONDITION",
        "message": "spec refused: class is disabled on this runner",
    }
    assert after["status"].get("environmentUrls") == urls
    assert after["status"]["phase"] == "ENVIRONMENT_PHASE_RUNNING"


def test_a_deaf_runner_never_answers(asking):
    identifier = asking.world.add_environment(Condition(deaf=True, never_stops=True))
    update(asking, identifier, ports=[PORT])
    assert behind(later(asking, identifier, 3600))


def test_what_ona_itself_asks_for_is_acknowledged_too(asking):
    identifier = asking.world.add_environment()
    for rpc in ("StopEnvironment", "StartEnvironment"):
        asking.ask(f"EnvironmentService/{rpc}", {"environmentId": identifier})
        assert behind(asking.environment(identifier))
        assert not behind(later(asking, identifier))
        asking.world.advance(timedelta(minutes=5))


def test_an_environment_that_is_gone_is_not_acknowledged(asking):
    identifier = asking.world.add_environment()
    update(asking, identifier, ports=[PORT])
    asking.world.remove(identifier)
    asking.world.advance(timedelta(seconds=5))
    assert identifier not in asking.world.environments.entries


def test_environments_are_born_with_nothing_left_to_apply():
    world = World(environments=300, seed=1)
    assert [document["id"] for document in world.documents() if runner.applied(document)] == []


def test_runners_keep_their_tempers_over_a_restart(tmp_path):
    world = World(environments=0, seed=1)
    deaf, refusing = (world.add_environment(Condition(**flag)) for flag in ({"deaf": True}, {"refuses_spec": True}))
    save(world, tmp_path / "world")
    restored = restore(tmp_path / "world")
    assert restored.tempers == {deaf: runner.DEAF, refusing: runner.REFUSES}
