"""The page of an execution: its plan, what can be done, what was asked for."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations.actions.tasks import start_task
from automations.models import ExecutionPhase as Phase
from automations.models import Task, TaskExecution
from automations.sync.observe import KINDS, observe_page
from environments.models import Environment
from environments.sync.observe import observe
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.support import automation_factories as made
from tests.support import factories, plans

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """An organization of a few environments, connected; nothing of it is cached yet."""
    with connect(World(environments=3, seed=11)) as server:
        yield server


def address(execution: TaskExecution, act: str = "") -> str:
    return reverse(f"automations:execution{act and '-'}{act}", args=[execution.pk])


def words(response: Any) -> str:
    """The text of a page's content, or of a fragment."""
    text = response.content.decode()
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[max(text.find('<main id="main"'), 0) :])))


def page(execution: TaskExecution, role: str = "Operator") -> str:
    return words(factories.client(role).get(address(execution)))


def poll_of(response: Any) -> str:
    (found,) = re.findall(r'id="poller"[^>]*hx-get="([^"]+)"', response.content.decode())
    return unescape(found)


def released(sandbox: Sandbox, condition: Condition | None = None) -> Task:
    """A task of ten steps in four groups, known to the portal with its environment."""
    environment_id = sandbox.world.add_environment(condition)
    task_id = plans.add_release(sandbox.world, environment_id)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(environment_id)])
        for kind in KINDS:
            for each in kind.pages(client)([environment_id]):
                observe_page(kind, each)
    return Task.objects.get(pk=task_id)


def started(sandbox: Sandbox) -> TaskExecution:
    operation = start_task(task=released(sandbox), actor=factories.user("Operator", username="olga"))
    assert operation.outcome == Outcome.SUCCEEDED
    return TaskExecution.objects.get(pk=operation.after["executionId"])


def send(client: Client, execution: TaskExecution, act: str, headers: Any = None, **fields: str) -> Any:
    form = {"operation_id": str(uuid.uuid4()), "reason": "for a test"} | fields
    return client.post(address(execution, act), form, headers=headers or {})


def test_the_head_tells_what_runs_where_and_who_started_it() -> None:
    environment = factories.environment(name="brave-fox", project_name="web-shop", owner_name="Ann Owner")
    execution = made.execution(made.task(environment, name="Build all"), started_by_name="Bob Starter", started_by="b")
    told = page(execution)
    for text in ("Build all", "succeeded", "Task build", "Environment brave-fox", "Project web-shop",
                 "Owner Ann Owner", "Started by Bob Starter", "Duration 1 min", "As of just now"):  # fmt: skip
        assert text in told
    assert "was started" not in told


def test_a_trigger_that_started_it_is_told_in_words() -> None:
    execution = made.execution(made.task(factories.environment()), started_by="postDevcontainerStart")
    assert "Started by after devcontainer start" in page(execution)


def test_the_plan_shows_phase_failure_output_and_what_was_not_run() -> None:
    task = made.task(factories.environment())
    plan = [{"steps": [{"id": "a", "label": "First"}]}, {"steps": [{"id": "b", "label": "Second", "dependsOn": ["a"]}]}]
    step = {"id": "a", "phase": Phase.FAILED, "failureMessage": "exit 2", "output": {"seed": "42"}}
    execution = made.execution(
        task, spec={"plan": plan}, status={"steps": [step]}, phase=Phase.FAILED, failure="step First failed: exit 2"
    )
    told = page(execution)
    assert "2 steps in 2 groups: 1 failed, 1 not run" in told
    assert "Group 1 First failed duration unknown Failure: exit 2 seed 42 Group 2 Second not run needs First" in told
    assert "Failure step First failed: exit 2" in told


def test_steps_lead_to_the_tasks_and_services_of_the_environment() -> None:
    environment = factories.environment()
    task, service = made.task(environment, name="Assemble"), made.service(environment, name="Database")
    steps = [{"id": "a", "task": {"id": str(task.pk)}}, {"id": "s", "serviceId": str(service.pk)}]
    execution = made.execution(task, spec={"plan": [{"steps": [*steps, {"id": "x", "serviceId": "no id"}]}]})
    text = factories.client().get(address(execution)).content.decode()
    tab = reverse("automations:of-environment", args=[environment.pk])
    assert re.search(rf'href="{tab}#task-{task.pk}"><bdi>Assemble', text)
    assert re.search(rf'href="{tab}#service-{service.pk}"><bdi>Database', text)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    now = timezone.now()
    execution = TaskExecution.objects.create(
        id=uuid.uuid4(), environment_id=uuid.uuid4(), task_id=uuid.uuid4(), first_seen_at=now, changed_at=now,
        seen_at=now,
    )  # fmt: skip
    told = page(execution)
    for text in ("unknown", "Owner unknown", "Started by unknown", "Duration unknown", "Ona returned no plan"):
        assert text in told
    assert "The portal has no record of its environment" in told
    for act in ("stop", "again"):
        answer = send(factories.client("Operator"), execution, act)
        assert answer.status_code == 422
        assert "The portal has no record of its environment" in words(answer)
    assert not Operation.objects.exists()


def test_one_that_ona_dropped_stays_and_says_so() -> None:
    execution = made.execution(made.task(factories.environment()), gone_at=timezone.now())
    told = page(execution)
    assert "No longer stored by Ona , as observed just now" in told
    assert "Last confirmed just now" in told


def test_an_execution_that_was_never_seen_is_not_found() -> None:
    answer = factories.client().get(reverse("automations:execution", args=[uuid.uuid4()]))
    assert answer.status_code == 404


def test_hostile_documents_do_no_harm() -> None:
    markup = '"><script>alert(1)</script>\u202e\x07'
    step = {"id": markup, "label": markup, "task": {"id": markup}, "dependsOn": [markup]}
    state = {"id": markup, "phase": markup, "failureMessage": markup, "output": {markup: markup}}
    execution = made.execution(
        made.task(factories.environment(name=markup), markup, name=markup), spec={"plan": [{"steps": [step]}]},
        status={"steps": [state]}, phase=markup, failure=markup, started_by=markup, started_by_name=markup,
    )  # fmt: skip
    client = factories.client("Operator")
    for path in (address(execution), address(execution, "stop"), address(execution, "again")):
        answer = client.get(path)
        assert answer.status_code == 200
        assert b"<script>alert" not in answer.content


def test_what_cannot_be_done_is_disabled_with_the_reason() -> None:
    ended = made.execution(made.task(factories.environment()))
    assert "Stop is not available: It has ended." in page(ended)
    assert "Your roles do not let you do this" in page(ended, "Viewer")
    gone = made.execution(made.task(factories.environment(), gone_at=timezone.now()))
    assert "Run again is not available: Its task is deleted" in page(gone)
    stopped = made.execution(made.task(factories.environment(phase="ENVIRONMENT_PHASE_STOPPED")))
    assert "Run again is not available: Its environment is not running." in page(stopped)


def test_a_poll_answers_204_until_something_is_new_and_leaves_the_log_alone() -> None:
    execution, client = made.execution(made.task(factories.environment())), factories.client("Operator")
    first = client.get(address(execution))
    assert "every " not in first.content.decode(), "it has ended: only news matters"
    assert client.get(poll_of(first), headers=HTMX).status_code == 204
    TaskExecution.objects.update(failure="found out later", changed_at=timezone.now())
    answer = client.get(poll_of(first), headers=HTMX)
    assert "found out later" in words(answer)
    assert 'class="card log"' not in answer.content.decode()
    assert client.get(poll_of(answer), headers=HTMX).status_code == 204
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        clock = client.get(poll_of(answer), headers=HTMX)
    assert "As of 5 min ago" in words(clock)
    assert 'id="execution"' not in clock.content.decode()


def test_the_address_of_a_poll_opened_as_a_page_is_the_whole_page() -> None:
    execution, client = made.execution(made.task(factories.environment())), factories.client("Operator")
    first = client.get(address(execution))
    assert "Plan" in words(client.get(poll_of(first)))


def test_polls_follow_an_execution_through_its_plan_to_its_end(sandbox: Sandbox) -> None:
    execution, client = started(sandbox), factories.client("Operator")
    answer = client.get(address(execution))
    assert "10 steps in 4 groups: 10 waiting" in words(answer)
    assert "every 2s" in answer.content.decode()
    told = []
    for _ in range(200):
        sandbox.world.advance(timedelta(seconds=20))
        cache.clear()  # it is the next poll's turn
        response = client.get(poll_of(answer), headers=HTMX)
        if response.status_code == 200:
            answer = response
            told += re.findall(r"10 steps in 4 groups: ([^<]+)", answer.content.decode())
        if "every 2s" not in answer.content.decode():
            break
    assert "3 running, 7 waiting" in told
    assert told[-1] == "10 succeeded"
    text = page(execution)
    assert len(re.findall(r"took (?:at most )?\d", text)) == 10
    assert "Execution became succeeded" in text


def test_a_stop_wants_a_reason_and_is_told_until_ona_has_followed(sandbox: Sandbox) -> None:
    execution, client = started(sandbox), factories.client("Operator")
    refused = send(client, execution, "stop", HTMX, reason="")
    assert (refused.status_code, "Enter a reason" in words(refused)) == (422, True)
    at_page = HTMX | {"HX-Current-URL": f"http://testserver{address(execution)}"}
    answer = send(client, execution, "stop", at_page, reason="not needed")
    assert answer.content.startswith(b'<section id="panel" hidden>')
    assert "execution-changed" in answer["HX-Trigger-After-Swap"]
    operation = Operation.objects.get(action="execution.stop")
    assert (operation.outcome, operation.reason) == (Outcome.SUCCEEDED, "not needed")
    told = words(client.get(address(execution)))
    assert "stopped" in told
    assert "not needed" in told


def test_without_scripts_a_stop_leads_back_to_the_page(sandbox: Sandbox) -> None:
    execution = started(sandbox)
    answer = send(factories.client("Operator"), execution, "stop")
    assert (answer.status_code, answer["Location"]) == (302, address(execution))


def test_run_again_leads_to_the_new_execution_and_sent_twice_starts_one(sandbox: Sandbox) -> None:
    execution, client = started(sandbox), factories.client("Operator")
    form = {"operation_id": str(uuid.uuid4()), "reason": ""}
    answers = [client.post(address(execution, "again"), form) for _ in range(2)]
    newest = TaskExecution.objects.filter(task_id=execution.task_id).exclude(pk=execution.pk).get()
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, address(newest))] * 2
    with_htmx = send(client, execution, "again", HTMX | {"HX-Current-URL": f"http://testserver{address(execution)}"})
    assert with_htmx["HX-Redirect"].startswith("/automations/executions/")
    assert sum(sandbox.world.starts("release").values()) == 3


def test_who_started_it_through_the_portal_is_in_its_history(sandbox: Sandbox) -> None:
    told = page(started(sandbox))
    assert "olga Start task none" in told


def test_a_refusal_shows_the_form_again_with_what_was_typed_and_another_operation_id(sandbox: Sandbox) -> None:
    execution, client = started(sandbox), factories.client("Operator")
    sandbox.faults.inject("throttled", rpc="EnvironmentAutomationService/StopTaskExecution")
    first = str(uuid.uuid4())
    answer = send(client, execution, "stop", operation_id=first, reason="kept as typed")
    assert answer.status_code == 422
    assert "It failed." in words(answer)
    assert "kept as typed" in words(answer)
    assert first not in answer.content.decode()
    assert "Stop requested by" in words(client.get(address(execution)))


def test_a_task_that_went_away_meanwhile_is_not_started(sandbox: Sandbox) -> None:
    execution, client = started(sandbox), factories.client("Operator")
    sandbox.world.drop("TASK", str(execution.task_id))
    answer = send(client, execution, "again")
    assert answer.status_code == 422
    assert sum(sandbox.world.starts("release").values()) == 1


def test_it_costs_the_same_number_of_queries_whatever_the_plan() -> None:
    environment, client, counts = factories.environment(), factories.client("Operator"), []
    for size in (1, 40):
        tasks = [made.task(environment, f"t{n}") for n in range(size)]
        steps = [{"id": str(n), "task": {"id": str(task.pk)}} for n, task in enumerate(tasks)]
        execution = made.execution(tasks[0], spec={"plan": [{"steps": steps}]})
        client.get(address(execution))
        with CaptureQueriesContext(connection) as queries:
            client.get(address(execution))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16


def test_viewers_see_the_page_and_may_not_act() -> None:
    execution, viewer = made.execution(made.task(factories.environment())), factories.client()
    assert viewer.get(address(execution)).status_code == 200
    assert {viewer.get(address(execution, act)).status_code for act in ("stop", "again")} == {403}
    assert Environment.objects.count() == 1
