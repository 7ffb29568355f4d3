"""Services, tasks and executions as they can be asked for and changed."""

from datetime import timedelta

import pytest

from portal.sandbox.conditions import Condition

SERVICE = "EnvironmentAutomationService"
FILE = {
    "services": {"db": {"name": "Database", "commands": {"start": "postgres"}, "triggeredBy": ["manual"]}},
    "tasks": {
        "test": {"name": "Test", "command": "make test", "dependsOn": ["build"], "triggeredBy": ["manual"]},
        "build": {"name": "Build", "command": "make"},
    },
}  # fmt: skip


@pytest.fixture
def environment(asking):
    return asking.world.add_environment(Condition(never_stops=True), spec={"automationsFile": None})


@pytest.fixture
def applied(asking, environment):
    body = {"environmentId": environment, "automationsFile": FILE}
    return asking.ask(f"{SERVICE}/UpsertAutomationsFile", body)


def test_an_automations_file_makes_what_it_names_with_its_dependencies(asking, environment, applied):
    assert (len(applied["updatedServiceIds"]), len(applied["updatedTaskIds"])) == (1, 2)
    tasks = asking.ask(f"{SERVICE}/ListTasks", {"filter": {"environmentIds": [environment]}})["tasks"]
    by_reference = {each["metadata"]["reference"]: each for each in tasks}
    assert by_reference["test"]["dependsOn"] == [by_reference["build"]["id"]]


def test_an_execution_begins_pending_with_a_plan_in_order_and_ends(asking, environment, applied):
    test = next(
        i
        for i in applied["updatedTaskIds"]
        if asking.ask(f"{SERVICE}/GetTask", {"id": i})["task"]["metadata"]["reference"] == "test"
    )
    execution = asking.ask(f"{SERVICE}/StartTask", {"id": test})["taskExecution"]
    assert execution["status"]["phase"] == "TASK_EXECUTION_PHASE_PENDING"
    assert [group["steps"][0]["label"] for group in execution["spec"]["plan"]] == ["Build", "Test"]
    asking.world.advance(timedelta(minutes=30))
    ended = asking.ask(f"{SERVICE}/GetTaskExecution", {"id": execution["id"]})["taskExecution"]
    assert ended["status"]["phase"] in ("TASK_EXECUTION_PHASE_SUCCEEDED", "TASK_EXECUTION_PHASE_FAILED")
    assert int(ended["status"]["statusVersion"]) > int(execution["status"]["statusVersion"])


def test_an_execution_can_be_cancelled(asking, applied):
    execution = asking.ask(f"{SERVICE}/StartTask", {"id": applied["updatedTaskIds"][0]})["taskExecution"]
    for _ in range(2):
        asking.ask(f"{SERVICE}/StopTaskExecution", {"id": execution["id"]})
    stopped = asking.ask(f"{SERVICE}/GetTaskExecution", {"id": execution["id"]})["taskExecution"]
    assert stopped["status"]["phase"] == "TASK_EXECUTION_PHASE_STOPPED"


def test_a_service_starts_and_stops_and_its_spec_changes_only_when_stopped(asking, applied):
    service = {"id": applied["updatedServiceIds"][0]}

    def phase():
        return asking.ask(f"{SERVICE}/GetService", service)["service"]["status"]["phase"]

    for _ in range(2):  # starting what starts is no mistake
        asking.ask(f"{SERVICE}/StartService", service)
    asking.world.advance(timedelta(minutes=1))
    assert phase() == "SERVICE_PHASE_RUNNING"
    change = {**service, "spec": {"commands": {"ready": "pg_isready"}}}
    assert asking.refusal(f"{SERVICE}/UpdateService", change)[0] == "failed_precondition"
    asking.ask(f"{SERVICE}/StopService", service)
    asking.world.advance(timedelta(minutes=1))
    assert phase() == "SERVICE_PHASE_STOPPED"
    asking.ask(f"{SERVICE}/UpdateService", change)
    commands = asking.ask(f"{SERVICE}/GetService", service)["service"]["spec"]["commands"]
    assert commands == {"start": "postgres", "ready": "pg_isready"}


def test_nothing_starts_in_an_environment_that_does_not_run(asking, environment, applied):
    asking.ask("EnvironmentService/StopEnvironment", {"environmentId": environment})
    asking.world.advance(timedelta(minutes=1))
    assert asking.refusal(f"{SERVICE}/StartTask", {"id": applied["updatedTaskIds"][0]})[0] == "failed_precondition"
    assert (
        asking.refusal(f"{SERVICE}/StartService", {"id": applied["updatedServiceIds"][0]})[0] == "failed_precondition"
    )


def test_a_stop_of_the_environment_stops_what_runs_in_it(asking, environment, applied):
    execution = asking.ask(f"{SERVICE}/StartTask", {"id": applied["updatedTaskIds"][0]})["taskExecution"]
    asking.ask("EnvironmentService/StopEnvironment", {"environmentId": environment})
    asking.world.advance(timedelta(minutes=1))
    phase = asking.ask(f"{SERVICE}/GetTaskExecution", {"id": execution["id"]})["taskExecution"]["status"]["phase"]
    assert phase == "TASK_EXECUTION_PHASE_STOPPED"


def test_a_circle_of_dependencies_is_refused(asking, environment):
    tasks = {name: {"name": name, "command": "x", "dependsOn": [other]} for name, other in (("a", "b"), ("b", "a"))}
    body = {"environmentId": environment, "automationsFile": {"tasks": tasks}}
    assert asking.refusal(f"{SERVICE}/UpsertAutomationsFile", body)[0] == "invalid_argument"


def test_what_an_automations_file_may_not_hold_is_named(asking, environment):
    file = {"tasks": {"bad name!": {"name": "x", "command": ""}}}
    code, message = asking.refusal(
        f"{SERVICE}/UpsertAutomationsFile", {"environmentId": environment, "automationsFile": file}
    )
    assert code == "invalid_argument"
    assert "automations_file.tasks" in message
