"""What may be defined and changed, one by one or by a file, and who hears of it."""

import json
import struct
import threading
from datetime import timedelta

import pytest

from portal.sandbox.access import MEMBER
from portal.sandbox.conditions import Condition
from portal.sandbox.server import TOKEN

SERVICE = "EnvironmentAutomationService"
OTHER_ID = "6f1e8c1a-0000-4000-8000-000000000001"


@pytest.fixture
def environment(asking):
    asking.world.agenda.items.clear()  # nobody else does anything
    return asking.world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})


@pytest.fixture
def call(asking):
    return lambda method, **body: asking.ask(f"{SERVICE}/{method}", body)


@pytest.fixture
def refused(asking):
    return lambda method, **body: asking.refusal(f"{SERVICE}/{method}", body)


@pytest.fixture
def service(call, environment):
    metadata = {"reference": "db", "name": "Database", "triggeredBy": [{"manual": True}]}
    env = [{"name": "PGPORT", "value": "5432"}]
    spec = {"commands": {"start": "postgres", "stop": "pg_ctl stop"}, "runsOn": {"machine": {}}, "env": env}
    return call("CreateService", environmentId=environment, metadata=metadata, spec=spec)["service"]


@pytest.fixture
def task(call, environment):
    """Make a task that depends on others; answers its id."""

    def make(reference, *needs):
        metadata = {"reference": reference, "name": reference.title()}
        body = {"environmentId": environment, "metadata": metadata, "spec": {"command": reference}}
        return call("CreateTask", **body, dependsOn=list(needs))["task"]["id"]

    return make


@pytest.fixture
def apply(call, environment):
    return lambda **file: call("UpsertAutomationsFile", environmentId=environment, automationsFile=file)


@pytest.fixture
def refusal_of(refused, environment):
    return lambda **file: refused("UpsertAutomationsFile", environmentId=environment, automationsFile=file)


def get(call, service):
    return call("GetService", id=service["id"])["service"]


# One by one


def test_a_reference_is_given_once_per_environment_and_kind(refused, call, environment, service, task):
    metadata = {"reference": "db", "name": "Another"}
    code, message = refused("CreateService", environmentId=environment, metadata=metadata, spec={})
    assert (code, "db" in message) == ("already_exists", True)
    task("db")  # a task's, not a service's
    again = refused("CreateTask", environmentId=environment, metadata=metadata, spec={})
    assert again[0] == "already_exists"


def test_what_has_no_reference_or_no_home_is_refused(refused, environment):
    assert refused("CreateTask", environmentId=environment, spec={"command": "x"})[0] == "invalid_argument"
    metadata = {"reference": "x", "name": "X"}
    assert refused("CreateTask", environmentId=OTHER_ID, metadata=metadata)[0] == "not_found"


def test_nothing_is_defined_in_an_environment_that_is_being_deleted(asking, refused, environment):
    asking.ask("EnvironmentService/DeleteEnvironment", {"environmentId": environment})
    metadata = {"reference": "x", "name": "X"}
    assert refused("CreateService", environmentId=environment, metadata=metadata)[0] == "failed_precondition"


def test_a_change_to_a_service_raises_the_version_of_its_spec_only(call, service):
    call("UpdateService", id=service["id"], spec={"commands": {"stop": ""}, "readinessTimeout": "60s"})
    after = get(call, service)
    assert after["spec"]["commands"] == {"start": "postgres"}
    assert after["spec"]["readinessTimeout"] == "60s"
    assert after["spec"]["env"] == service["spec"]["env"]
    assert int(after["spec"]["specVersion"]) == int(service["spec"]["specVersion"]) + 1
    assert (after["metadata"], after["status"]) == (service["metadata"], service["status"])


def test_where_it_runs_is_replaced_and_not_mixed(call, service):
    call("UpdateService", id=service["id"], spec={"runsOn": {"docker": {"image": "postgres:17"}}})
    assert get(call, service)["spec"]["runsOn"] == {"docker": {"image": "postgres:17"}}


def test_an_update_that_changes_nothing_raises_no_version(call, service):
    call("UpdateService", id=service["id"], metadata={"name": "Database"}, spec={"commands": {"start": "postgres"}})
    assert get(call, service) == service


def test_while_a_service_is_up_its_metadata_may_change_and_its_spec_not(asking, call, refused, service):
    call("StartService", id=service["id"])
    name_and_triggers = {"name": "DB", "triggeredBy": {"trigger": [{"postEnvironmentStart": True}]}}
    call("UpdateService", id=service["id"], metadata=name_and_triggers, spec={"commands": {"start": "postgres"}})
    metadata = get(call, service)["metadata"]
    assert (metadata["name"], metadata["triggeredBy"]) == ("DB", [{"postEnvironmentStart": True}])
    code, message = refused("UpdateService", id=service["id"], spec={"commands": {"start": "mysqld"}})
    assert (code, "starting" in message) == ("failed_precondition", True)


def test_a_failed_service_has_to_be_stopped_before_its_spec_changes(asking, call, refused, service):
    asking.world.service_outcomes["db"] = "fail"
    call("StartService", id=service["id"])
    asking.world.advance(timedelta(minutes=1))
    change = {"id": service["id"], "spec": {"commands": {"start": "mysqld"}}}
    assert "is failed" in refused("UpdateService", **change)[1]
    call("StopService", id=service["id"])
    asking.world.advance(timedelta(minutes=1))
    call("UpdateService", **change)
    assert "failureMessage" not in get(call, service)["status"]


def test_the_status_of_a_service_is_only_its_environments_to_update(refused, service):
    code, _ = refused("UpdateService", id=service["id"], status={"phase": "SERVICE_PHASE_RUNNING"})
    assert code == "permission_denied"


def test_a_service_that_is_not_stopped_is_deleted_only_by_force(asking, call, refused, service):
    call("StartService", id=service["id"])
    assert refused("DeleteService", id=service["id"])[0] == "failed_precondition"
    call("DeleteService", id=service["id"], force=True)
    assert refused("GetService", id=service["id"])[0] == "not_found"
    asking.world.advance(timedelta(minutes=5))


def test_dependencies_name_tasks_of_the_same_environment(asking, call, refused, environment, task):
    elsewhere = asking.world.add_environment(Condition(), spec={"automationsFile": None})
    metadata = {"reference": "x", "name": "X"}
    other = call("CreateTask", environmentId=elsewhere, metadata=metadata)["task"]["id"]
    mine = task("mine")
    for needed in (OTHER_ID, other):
        code, message = refused("CreateTask", environmentId=environment, metadata=metadata, dependsOn=[needed])
        assert (code, needed in message) == ("invalid_argument", True)
        assert refused("UpdateTask", id=mine, dependsOn=[needed])[0] == "invalid_argument"


def test_a_task_may_depend_on_a_service_of_its_environment(call, service, task):
    identifier = task("migrate", service["id"])
    assert call("GetTask", id=identifier)["task"]["dependsOn"] == [service["id"]]


def test_a_task_of_a_file_may_depend_on_a_service_of_the_file(apply, call):
    file = {"services": {"db": DB}, "tasks": {"migrate": {**BUILD, "dependsOn": ["db"]}}}
    made = apply(**file)
    assert call("GetTask", id=made["updatedTaskIds"][0])["task"]["dependsOn"] == made["updatedServiceIds"]
    assert apply(**file) == {}


def test_a_circle_of_dependencies_is_refused_by_name(call, refused, task):
    build = task("build")
    test = task("test", build)
    release = task("release", test)
    assert refused("UpdateTask", id=build, dependsOn=[build])[1].endswith("build → build")
    code, message = refused("UpdateTask", id=build, dependsOn=[release])
    circle = message.rpartition(": ")[2].split(" → ")
    assert (code, circle[0]) == ("invalid_argument", circle[-1])
    place = circle.index("release")
    assert (circle[:-1] * 2)[place : place + 3] == ["release", "test", "build"]
    assert "dependsOn" not in call("GetTask", id=build)["task"]


def test_dependencies_given_replace_the_known_and_none_given_change_nothing(call, task):
    one, two = task("one"), task("two")
    both = task("both", one)
    call("UpdateTask", id=both, dependsOn=[two])
    call("UpdateTask", id=both, spec={"command": "echo"}, metadata={"description": "Both"})
    found = call("GetTask", id=both)["task"]
    assert (found["dependsOn"], found["spec"]) == ([two], {"command": "echo"})
    assert found["metadata"]["description"] == "Both"


def test_a_task_others_depend_on_is_not_deleted(call, refused, task):
    build = task("build")
    test = task("test", build)
    code, message = refused("DeleteTask", id=build)
    assert (code, message.endswith("needed by test")) == ("failed_precondition", True)
    call("DeleteTask", id=test)
    call("DeleteTask", id=build)
    assert refused("StartTask", id=build)[0] == "not_found"


def test_who_sees_only_their_own_environments_defines_nothing_in_others(asking, environment):
    assert (
        asking.world.document(environment)["metadata"]["creator"]["id"]
        != asking.world.organization.members[2]["userId"]
    )
    body = {"environmentId": environment, "metadata": {"reference": "x", "name": "X"}}
    assert asking.refusal(f"{SERVICE}/CreateTask", body, token=TOKEN + MEMBER)[0] == "not_found"
    file = {"environmentId": environment, "automationsFile": {}}
    assert asking.refusal(f"{SERVICE}/UpsertAutomationsFile", file, token=TOKEN + MEMBER)[0] == "not_found"


# By a file

DB = {"name": "Database", "commands": {"start": "postgres"}, "triggeredBy": ["manual"]}
BUILD = {"name": "Build", "command": "make", "runsOn": {"docker": {"image": "gcc", "environment": ["CC=gcc"]}}}
TEST = {"name": "Test", "command": "make test", "dependsOn": ["build"], "triggeredBy": ["postDevcontainerStart"]}


def test_a_file_answers_only_what_it_made_or_changed(apply, call):
    first = apply(services={"db": DB}, tasks={"test": TEST, "build": BUILD})
    assert (len(first["updatedServiceIds"]), len(first["updatedTaskIds"])) == (1, 2)
    assert apply(services={"db": DB}, tasks={"test": TEST, "build": BUILD}) == {}
    assert apply(services={"db": {**DB, "role": "default"}}) == {}
    again = apply(
        services={"db": {**DB, "role": "editor"}}, tasks={"build": {**BUILD, "command": "ninja"}, "test": TEST}
    )
    assert again["updatedServiceIds"] == first["updatedServiceIds"]
    [changed] = again["updatedTaskIds"]
    assert call("GetTask", id=changed)["task"]["spec"]["command"] == "ninja"


def test_what_a_file_leaves_out_is_no_longer_so_and_what_it_cannot_hold_stays(apply, call, service):
    apply(services={"db": {"name": "DB", "commands": {"start": "postgres"}, "readinessTimeout": "60s"}})
    after = get(call, service)
    assert after["spec"]["commands"] == {"start": "postgres"}
    assert "runsOn" not in after["spec"]
    assert after["spec"]["env"] == service["spec"]["env"]
    assert after["spec"]["session"] == service["spec"]["session"]
    assert "triggeredBy" not in after["metadata"]


def test_dependencies_a_file_no_longer_names_are_gone(apply, call):
    [_, test] = apply(tasks={"build": BUILD, "test": TEST})["updatedTaskIds"]
    assert apply(tasks={"test": {**TEST, "dependsOn": []}})["updatedTaskIds"] == [test]
    assert "dependsOn" not in call("GetTask", id=test)["task"]


def test_what_a_file_does_not_name_stays(apply, call, service, environment):
    apply(tasks={"build": BUILD})
    apply(tasks={"lint": {"name": "Lint", "command": "ruff check"}})
    body = {"filter": {"environmentIds": [environment]}}
    assert len(call("ListTasks", **body)["tasks"]) == 2
    assert get(call, service) == service


def test_a_running_service_is_in_the_way_of_a_different_spec_only_and_then_nothing_is_applied(
    apply, refusal_of, call, environment
):
    [db] = apply(services={"db": DB})["updatedServiceIds"]
    call("StartService", id=db)
    assert apply(services={"db": {**DB, "description": "main"}})["updatedServiceIds"] == [db]
    code, message = refusal_of(
        services={"a": DB, "db": {**DB, "commands": {"start": "mysqld"}}}, tasks={"build": BUILD}
    )
    assert (code, db in message) == ("failed_precondition", True)
    body = {"filter": {"environmentIds": [environment]}}
    assert len(call("ListServices", **body)["services"]) == 1
    assert call("ListTasks", **body).get("tasks", []) == []


def test_unknown_fields_of_a_file_are_refused_by_name(refusal_of):
    code, message = refusal_of(tasks={"build": {"name": "Build", "command": "make", "dependson": []}})
    assert (code, "dependson" in message) == ("invalid_argument", True)


def test_unknown_dependencies_and_circles_of_a_file_are_refused_by_name(refusal_of, task):
    task("there")  # in the environment, and not in the file
    code, message = refusal_of(tasks={"test": {**TEST, "dependsOn": ["there"]}})
    assert (code, "no task or service there" in message) == ("invalid_argument", True)
    tasks = {name: {"name": name, "command": "x", "dependsOn": [needs]} for name, needs in ("ab", "bc", "ca")}
    code, message = refusal_of(tasks=tasks)
    circle = message.rpartition(": ")[2].split(" → ")
    assert (code, circle[0], set(circle)) == ("invalid_argument", circle[-1], {"a", "b", "c"})
    place = circle.index("a")
    assert circle[place + 1 if place < 3 else 1] == "b"


def test_the_order_of_dependencies_may_turn_round(apply):
    apply(tasks={"build": BUILD, "test": TEST})
    turned = {"build": {**BUILD, "dependsOn": ["test"]}, "test": {**TEST, "dependsOn": []}}
    assert len(apply(tasks=turned)["updatedTaskIds"]) == 2


# Lists


def test_lists_filter_by_reference_id_role_and_phase(asking, call, service, task, environment):
    world = asking.world
    ids = [task("one"), task("two")]
    execution = call("StartTask", id=ids[0])["taskExecution"]["id"]
    mine = {"environmentIds": [environment]}

    def listed(method, name, **filter_):
        return [each["id"] for each in call(method, filter={**mine, **filter_}).get(name, [])]

    assert listed("ListTasks", "tasks", references=["two", "three"]) == [ids[1]]
    assert listed("ListTasks", "tasks", taskIds=[ids[0], OTHER_ID]) == [ids[0]]
    assert listed("ListServices", "services", references=["db"], serviceIds=[service["id"]]) == [service["id"]]
    assert listed("ListServices", "services", roles=["SERVICE_ROLE_EDITOR"]) == []
    assert listed("ListServices", "services", roles=["SERVICE_ROLE_DEFAULT"]) == [service["id"]]
    for wanted in ({"taskReferences": ["one"]}, {"taskIds": [ids[0]]}, {"phases": ["TASK_EXECUTION_PHASE_PENDING"]}):
        assert listed("ListTaskExecutions", "taskExecutions", **wanted) == [execution]
    assert listed("ListTaskExecutions", "taskExecutions", taskReferences=["two"]) == []
    world.advance(timedelta(seconds=10))
    assert listed("ListTaskExecutions", "taskExecutions", phases=["TASK_EXECUTION_PHASE_PENDING"]) == []
    call("DeleteTask", id=ids[0])
    assert listed("ListTaskExecutions", "taskExecutions", taskReferences=["one"]) == [execution]


def test_a_filter_takes_at_most_twenty_five_values(refused):
    for method, field in (("ListServices", "serviceIds"), ("ListTasks", "taskIds"), ("ListTaskExecutions", "taskIds")):
        assert refused(method, filter={field: [OTHER_ID] * 26})[0] == "invalid_argument"


# Events


def messages(response):
    """The messages of a Connect stream."""
    buffer = b""
    for chunk in response.iter_raw():
        buffer += chunk
        while len(buffer) >= 5:
            length = struct.unpack(">I", buffer[1:5])[0]
            if len(buffer) < 5 + length:
                break
            yield json.loads(buffer[5 : 5 + length])
            buffer = buffer[5 + length :]


def test_who_watches_an_environment_hears_what_becomes_of_its_automations(asking, call, environment, task):
    request = json.dumps({"environmentId": environment}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/connect+json"}
    url = f"{asking.sandbox.base_url}/gitpod.v1.EventService/WatchEvents"
    heard, opened, done = [], threading.Event(), threading.Event()

    def watch():
        body = b"\0" + struct.pack(">I", len(request)) + request
        with asking.client.stream("POST", url, content=body, headers=headers, timeout=20) as response:
            opened.set()
            for event in messages(response):
                kind = event["resourceType"].removeprefix("RESOURCE_TYPE_")
                heard.append((kind, event["operation"].removeprefix("RESOURCE_OPERATION_")))
                if heard[-1] == ("SERVICE", "DELETE"):
                    break
        done.set()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    assert opened.wait(20)
    build = task("build")
    call("UpdateTask", id=build, metadata={"name": "Build it"})
    asking.world.task_outcomes["build"] = "succeed"
    call("StartTask", id=build)
    asking.world.advance(timedelta(minutes=10))
    call("DeleteTask", id=build)
    metadata = {"reference": "db", "name": "DB"}
    db = call("CreateService", environmentId=environment, metadata=metadata)["service"]["id"]
    call("StartService", id=db)
    call("DeleteService", id=db, force=True)
    assert done.wait(20)
    assert [event for event in heard if event[0] == "TASK"] == [
        ("TASK", "CREATE"), ("TASK", "UPDATE"), ("TASK", "DELETE"),
    ]  # fmt: skip
    assert [event[1] for event in heard if event[0] == "TASK_EXECUTION"] == ["CREATE", "UPDATE_STATUS", "UPDATE_STATUS"]
    assert [event[1] for event in heard if event[0] == "SERVICE"] == ["CREATE", "UPDATE", "UPDATE_STATUS", "DELETE"]
