"""Tasks made, changed, started and deleted on the Automations tab."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from automations.models import Task, TaskExecution
from environments.models import Environment
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.environment_tab import tab
from tests.automations.environment_tab.tab import send, there, url
from tests.support import factories
from tests.support.editor import fields, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """A small organization, connected."""
    with connect(World(environments=2, seed=11)) as server:
        yield server


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


@pytest.fixture
def environment(sandbox: Sandbox) -> Environment:
    return tab.environment(sandbox)


def test_a_task_is_made_with_what_it_runs_after(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    build = tab.task(sandbox, environment)
    answer = send(
        admin, tab.new("task", environment), reference="test", name="Test", command="make test\r\n",
        triggers=["prebuild"], dependsOn=[str(build.pk)], prebuildRequiresSuccess="on", reason="wanted",
    )  # fmt: skip
    assert tab.saved(answer)
    document = there(sandbox, Task.objects.get(reference="test"))
    assert document["dependsOn"] == [str(build.pk)]
    assert document["spec"] == {"command": "make test\n", "prebuildRequiresSuccess": True}


def test_what_it_runs_after_and_its_command_are_changed_and_values_stay(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    build, lint = tab.task(sandbox, environment), tab.task(sandbox, environment, "lint")
    test = tab.task(sandbox, environment, "test", (build,))
    opened = admin.get(url("edit", test))
    assert "canary" not in opened.content.decode()
    chosen = [str(build.pk), str(lint.pk)]
    more = {"variables__1__name": "CI", "variables__1__value": "1"}
    assert tab.saved(
        send(admin, url("edit", test), opened, dependsOn=chosen, command="make all", reason="more", **more)
    )
    now = there(sandbox, test)
    assert sorted(now["dependsOn"]) == sorted(chosen)
    assert now["spec"]["command"] == "make all"
    assert now["spec"]["env"] == [{"name": "MODE", "value": "canary-mode"}, {"name": "CI", "value": "1"}]


def test_a_circle_is_refused_by_name_before_anything_is_sent(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    build = tab.task(sandbox, environment)
    test = tab.task(sandbox, environment, "test", (build,))
    answer = send(admin, url("edit", build), dependsOn=[str(test.pk)], reason="x")
    assert "These would wait for each other: build → test → build." in words(answer)
    assert fields(answer)["dependsOn"] == [str(test.pk)]
    assert Operation.objects.count() == 0


def test_the_last_dependency_stays(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    build = tab.task(sandbox, environment)
    test = tab.task(sandbox, environment, "test", (build,))
    answer = send(admin, url("edit", test), dependsOn=None, reason="x")
    assert "cannot remove all dependencies at once" in words(answer)


def test_a_change_by_somebody_else_is_shown_with_the_names_of_tasks(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    build, lint = tab.task(sandbox, environment), tab.task(sandbox, environment, "lint")
    test = tab.task(sandbox, environment, "test", (build,))
    opened = admin.get(url("edit", test))
    sandbox.world.change_automation("TASK", str(test.pk), {"dependsOn": [str(lint.pk)]})
    answer = send(admin, url("edit", test), opened, command="mine", reason="x")
    assert "Needs Before Build Theirs Lint (changed)" in words(answer)
    assert tab.saved(send(admin, url("edit", test), answer))
    assert there(sandbox, test)["spec"]["command"] == "mine"
    assert there(sandbox, test)["dependsOn"] == [str(build.pk)]


def test_it_is_started_by_one_press_once(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    build = tab.task(sandbox, environment)
    pressed = {"operation_id": str(uuid.uuid4())}
    for _ in range(2):
        assert tab.saved(admin.post(url("start", build), pressed))
    execution = TaskExecution.objects.get(task=build)
    page = admin.get(f"/environments/{environment.pk}/automations/")
    assert f"/automations/executions/{execution.pk}/" in page.content.decode()


def test_deleting_names_the_tasks_that_run_after_it(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    build = tab.task(sandbox, environment)
    test = tab.task(sandbox, environment, "test", (build,))
    assert "These tasks run after it" in words(admin.get(url("delete", build)))
    assert "These tasks" not in words(admin.get(url("delete", test)))
    assert tab.saved(send(admin, url("delete", test), reason="old"))
    assert str(test.pk) not in sandbox.world.tasks.entries


def test_viewers_see_everything_disabled_with_the_reason(sandbox: Sandbox, environment: Environment) -> None:
    tab.service(sandbox, environment)
    build = tab.task(sandbox, environment)
    viewer = factories.client("Viewer")
    text = words(viewer.get(f"/environments/{environment.pk}/automations/"))
    assert "is not available: Your roles do not let you do this" in text
    for verb in ("start", "edit", "delete"):
        assert viewer.post(url(verb, build)).status_code == 403


def test_odd_texts_survive_opening_and_saving(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    markup = "<script>alert(1)</script>\u202e\t"
    build = tab.task(sandbox, environment, metadata={"name": f"{markup} x"}, command=f"{markup}\r\nmake\r")
    opened = admin.get(url("edit", build))
    assert "<script>alert" not in opened.content.decode()
    assert tab.saved(send(admin, url("edit", build), opened, description="words", reason="x"))
    assert there(sandbox, build)["spec"]["command"] == f"{markup}\r\nmake\r"
    assert there(sandbox, build)["metadata"]["name"] == f"{markup} x"
