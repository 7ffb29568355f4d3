"""Every call of EnvironmentAutomationService by the vendor's own Python client."""

import re
from datetime import timedelta
from pathlib import Path

import ona_sdk
import pytest
from gitpod.v1 import environment_automation_pb2 as pb

from portal.sandbox.conditions import Condition
from portal.sandbox.server import running
from portal.sandbox.world import World


@pytest.fixture(scope="module")
def sandbox():
    with running(World(environments=0, seed=21)) as server:
        yield server


@pytest.fixture
def world(sandbox):
    return sandbox.world


@pytest.fixture
def calls(sandbox):
    client = ona_sdk.create_client(api_key=sandbox.token, base_url=f"{sandbox.base_url}/api", timeout=20)
    return client.services.environment_automation


@pytest.fixture
def environment(world):
    return world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})


@pytest.fixture
def service(calls, environment):
    metadata = pb.ServiceMetadata(reference="db", name="Database", role=pb.SERVICE_ROLE_EDITOR)
    metadata.triggered_by.add(post_environment_start=True)
    spec = pb.ServiceSpec(commands={"start": "postgres", "ready": "pg_isready"}, readiness_timeout=timedelta(minutes=2))
    spec.env.add(name="PGPORT", value="5432")
    return calls.create_service(
        pb.CreateServiceRequest(environment_id=environment, metadata=metadata, spec=spec)
    ).service


@pytest.fixture
def task(calls, environment):
    def make(reference: str, *needs: str) -> pb.Task:
        request = pb.CreateTaskRequest(
            environment_id=environment,
            metadata={"reference": reference, "name": reference.title()},
            spec={"command": f"make {reference}", "runs_on": {"docker": {"image": "gcc"}}},
            depends_on=needs,
        )
        return calls.create_task(request).task

    return make


def test_every_call_of_the_service_is_made_here(calls):
    methods = [method.name for method in pb.DESCRIPTOR.services_by_name["EnvironmentAutomationService"].methods]
    source = Path(__file__).read_text()
    assert len(methods) == 17
    assert [name for name in methods if f"calls.{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}(" not in source] == []


def test_services_are_created_listed_updated_started_stopped_and_deleted(world, calls, environment, service):
    world.service_outcomes[service.id] = "succeed"

    def got() -> pb.Service:
        return calls.get_service(pb.GetServiceRequest(id=service.id)).service

    assert got() == service
    assert service.status.phase == pb.SERVICE_PHASE_STOPPED
    wanted = {"environment_ids": [environment], "references": ["db"], "roles": [pb.SERVICE_ROLE_EDITOR]}
    assert list(calls.list_services(pb.ListServicesRequest(filter=wanted)).services) == [service]

    update = pb.UpdateServiceRequest(id=service.id, spec={"commands": {"stop": "pg_ctl stop"}})
    calls.update_service(update)
    assert got().spec.commands.stop == "pg_ctl stop"
    assert got().spec.commands.start == "postgres"
    assert got().spec.spec_version == service.spec.spec_version + 1

    calls.start_service(pb.StartServiceRequest(id=service.id))
    assert got().status.phase == pb.SERVICE_PHASE_STARTING
    world.advance(timedelta(minutes=2))
    assert got().status.phase == pb.SERVICE_PHASE_RUNNING
    assert dict(got().status.output)
    update.spec.commands.stop = ""
    with pytest.raises(Exception, match="only while it is stopped"):
        calls.update_service(update)

    calls.stop_service(pb.StopServiceRequest(id=service.id))
    assert got().status.phase == pb.SERVICE_PHASE_STOPPING
    world.advance(timedelta(minutes=1))
    assert got().status.phase == pb.SERVICE_PHASE_STOPPED
    calls.delete_service(pb.DeleteServiceRequest(id=service.id))
    with pytest.raises(Exception, match="not found"):
        got()


def test_tasks_are_created_listed_updated_and_deleted(calls, environment, task):
    build = task("build")
    test = task("test", build.id)
    listed = calls.list_tasks(pb.ListTasksRequest(filter={"environment_ids": [environment]})).tasks
    assert {each.id: list(each.depends_on) for each in listed} == {build.id: [], test.id: [build.id]}

    update = pb.UpdateTaskRequest(id=build.id, spec={"command": "ninja"})
    update.metadata.triggered_by.trigger.add(post_devcontainer_start=True)
    calls.update_task(update)
    found = calls.get_task(pb.GetTaskRequest(id=build.id)).task
    assert found.spec.command == "ninja"
    assert found.spec.runs_on.docker.image == "gcc"
    assert [each.WhichOneof("trigger") for each in found.metadata.triggered_by] == ["post_devcontainer_start"]

    with pytest.raises(Exception, match="needed by test"):
        calls.delete_task(pb.DeleteTaskRequest(id=build.id))
    calls.delete_task(pb.DeleteTaskRequest(id=test.id))
    calls.delete_task(pb.DeleteTaskRequest(id=build.id))
    assert not calls.list_tasks(pb.ListTasksRequest(filter={"environment_ids": [environment]})).tasks


def test_a_task_is_started_followed_and_stopped(world, calls, environment, task):
    fetch, configure = task("fetch"), task("configure")
    build = task("build", fetch.id, configure.id)
    world.task_outcomes |= {fetch.id: "succeed", configure.id: "succeed", build.id: "hang"}

    execution = calls.start_task(pb.StartTaskRequest(id=build.id)).task_execution
    assert execution.status.phase == pb.TASK_EXECUTION_PHASE_PENDING
    assert [len(group.steps) for group in execution.spec.plan] == [2, 1]
    request = pb.GetTaskExecutionRequest(id=execution.id)
    world.advance(timedelta(minutes=10))
    found = calls.get_task_execution(request).task_execution
    assert found.status.phase == pb.TASK_EXECUTION_PHASE_RUNNING
    assert [step.phase for step in found.status.steps] == [
        pb.TASK_EXECUTION_PHASE_SUCCEEDED, pb.TASK_EXECUTION_PHASE_SUCCEEDED, pb.TASK_EXECUTION_PHASE_RUNNING,
    ]  # fmt: skip
    running_ones = {"environment_ids": [environment], "phases": [pb.TASK_EXECUTION_PHASE_RUNNING]}
    listed = calls.list_task_executions(pb.ListTaskExecutionsRequest(filter=running_ones)).task_executions
    assert list(listed) == [found]

    calls.stop_task_execution(pb.StopTaskExecutionRequest(id=execution.id))
    stopped = calls.get_task_execution(request).task_execution
    assert stopped.status.phase == stopped.spec.desired_phase == pb.TASK_EXECUTION_PHASE_STOPPED
    assert stopped.status.status_version > found.status.status_version
    assert world.starts("build") == {environment: 1}


def test_an_automations_file_is_applied(calls, environment):
    file = pb.AutomationsFile()
    file.services["web"].name = "Web"
    file.services["web"].commands.start = "npm run dev"
    file.services["web"].triggered_by.append("postDevcontainerStart")
    for reference, needs in (("build", []), ("test", ["build"])):
        file.tasks[reference].name = reference.title()
        file.tasks[reference].command = f"make {reference}"
        file.tasks[reference].depends_on.extend(needs)
    request = pb.UpsertAutomationsFileRequest(environment_id=environment, automations_file=file)
    changed = calls.upsert_automations_file(request)
    assert (len(changed.updated_service_ids), len(changed.updated_task_ids)) == (1, 2)
    again = calls.upsert_automations_file(request)
    assert not again.updated_service_ids
    assert not again.updated_task_ids
    file.tasks["test"].depends_on.append("nowhere")
    with pytest.raises(Exception, match="no task or service nowhere in the file"):
        calls.upsert_automations_file(
            pb.UpsertAutomationsFileRequest(environment_id=environment, automations_file=file)
        )
