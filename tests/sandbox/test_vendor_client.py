"""The vendor's own Python client works against the stand-in as against Ona."""

import threading
import time
from datetime import timedelta

import ona_sdk
import pytest
from gitpod.v1 import environment_pb2 as pb
from gitpod.v1 import event_pb2

from portal.sandbox.conditions import Condition
from portal.sandbox.server import running
from portal.sandbox.world import World

ALL = pb.ListEnvironmentsRequest.ARCHIVAL_STATUS_ALL


@pytest.fixture
def sandbox():
    with running(World(environments=60, seed=21)) as server:
        yield server


@pytest.fixture
def client(sandbox):
    return ona_sdk.create_client(api_key=sandbox.token, base_url=f"{sandbox.base_url}/api", timeout=20)


@pytest.fixture
def environments(client):
    return client.services.environment


def get(environments, identifier):
    return environments.get_environment(pb.GetEnvironmentRequest(environment_id=identifier)).environment


def test_it_lists_every_environment_page_by_page(sandbox, environments):
    listed, token = [], ""
    while True:
        request = pb.ListEnvironmentsRequest(
            filter={"archival_status": ALL}, pagination={"page_size": 25, "token": token}
        )
        page = environments.list_environments(request)
        listed += [environment.id for environment in page.environments]
        token = page.pagination.next_token
        if not token:
            break
    assert listed == [document["id"] for document in sandbox.world.documents()]


def test_it_gets_an_environment_with_all_its_parts(sandbox, client):
    document = next(sandbox.world.documents())
    environment = client.environments().get(document["id"]).proto()
    assert environment.metadata.name == document["metadata"]["name"]
    assert str(environment.spec.spec_version) == document["spec"]["specVersion"]
    assert str(environment.status.status_version) == document["status"]["statusVersion"]


def test_it_creates_updates_stops_starts_archives_unarchives_and_deletes(sandbox, environments):
    world = sandbox.world
    machine_class = world.organization.classes[0]["id"]
    spec = pb.EnvironmentSpec(machine={"class": machine_class})
    spec.content.initializer.specs.add().context_url.url = "https://github.com/django/django"
    identifier = environments.create_environment(pb.CreateEnvironmentRequest(spec=spec, name="mine")).environment.id
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_CREATING

    world.advance(timedelta(minutes=10))
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_RUNNING
    environments.update_environment(
        pb.UpdateEnvironmentRequest(environment_id=identifier, metadata={"name": "renamed"})
    )
    assert get(environments, identifier).metadata.name == "renamed"

    environments.stop_environment(pb.StopEnvironmentRequest(environment_id=identifier))
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_STOPPING
    world.advance(timedelta(minutes=1))
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_STOPPED
    environments.start_environment(pb.StartEnvironmentRequest(environment_id=identifier))
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_STARTING

    environments.archive_environment(pb.ArchiveEnvironmentRequest(environment_id=identifier))
    world.advance(timedelta(minutes=1))
    archived = get(environments, identifier)
    assert archived.status.phase == pb.ENVIRONMENT_PHASE_STOPPED
    assert archived.metadata.HasField("archived_at")
    environments.unarchive_environment(pb.UnarchiveEnvironmentRequest(environment_id=identifier))
    assert not get(environments, identifier).metadata.HasField("archived_at")

    environments.delete_environment(pb.DeleteEnvironmentRequest(environment_id=identifier))
    assert get(environments, identifier).status.phase == pb.ENVIRONMENT_PHASE_DELETING
    world.advance(timedelta(minutes=2))
    with pytest.raises(Exception, match="not found"):
        get(environments, identifier)


def test_its_own_waiting_for_a_start_and_a_stop_ends():
    with running(World(environments=0, seed=22, speed=400)) as sandbox:
        client = ona_sdk.create_client(api_key=sandbox.token, base_url=sandbox.base_url, timeout=20)
        environment = client.environments().create_from_git("https://github.com/django/django.git", "main", name="mine")
        assert environment.proto().status.phase == pb.ENVIRONMENT_PHASE_RUNNING
        client.environments().stop(environment.id())
        assert [each.id() for each in client.environments().list()] == [environment.id()]


def test_it_creates_from_an_address_with_the_project_made_for_it():
    with running(World(environments=0, seed=22, speed=400)) as sandbox:
        client = ona_sdk.create_client(api_key=sandbox.token, base_url=sandbox.base_url, timeout=20)
        created = client.environments().create("https://github.com/zulip/zulip").proto()
        assert sandbox.world.organization.repositories[created.metadata.project_id].path == "zulip/zulip"


def test_it_watches_the_events_of_the_organization(sandbox, client):
    identifier = sandbox.world.add_environment(Condition("STOPPED"))
    heard = []
    request = event_pb2.WatchEventsRequest(organization=True)

    def watch():
        for event in client.services.event.watch_events(request):
            heard.append((event.resource_type, event.operation, event.resource_id))
            if len(heard) == 2:
                break

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not heard and time.monotonic() < deadline:  # until the stream is open, what happens is not heard
        sandbox.world.change(identifier, metadata={"name": "renamed"})
        thread.join(0.05)
    client.services.environment.start_environment(pb.StartEnvironmentRequest(environment_id=identifier))
    thread.join(20)
    assert (event_pb2.RESOURCE_TYPE_ENVIRONMENT, event_pb2.RESOURCE_OPERATION_UPDATE, identifier) in heard


def test_it_is_told_why_a_request_is_refused(environments):
    with pytest.raises(Exception, match="environment_id: value must be a valid UUID"):
        get(environments, "not-a-uuid")
