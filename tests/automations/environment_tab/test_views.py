"""Services, tasks and executions on an environment's page."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations.models import Service, Task, TaskExecution
from environments.models import Environment
from tests.support import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def _of(environment: Environment, **columns: Any) -> dict[str, Any]:
    now = timezone.now()
    times = {"first_seen_at": now, "changed_at": now, "seen_at": now, "created_at": now}
    return {"id": uuid.uuid4(), "environment": environment} | times | columns


def service(environment: Environment, **columns: Any) -> Service:
    return Service.objects.create(**_of(environment, reference="web", name="Web server") | columns)


def task(environment: Environment, **columns: Any) -> Task:
    return Task.objects.create(**_of(environment, reference="build", name="Build", command="make") | columns)


def execution(of: Task, **columns: Any) -> TaskExecution:
    plain = {"task": of, "phase": "TASK_EXECUTION_PHASE_SUCCEEDED"}
    return TaskExecution.objects.create(**_of(of.environment) | plain | columns)


def get(environment: Environment, client: Client | None = None) -> str:
    response = (client or factories.client()).get(reverse("automations:of-environment", args=[environment.id]))
    assert response.status_code == 200
    return response.content.decode()


def main(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index('<main id="main"') :]))


def test_an_environment_without_automations_says_so() -> None:
    text = main(get(factories.environment()))
    assert "No services." in text
    assert "No tasks." in text
    assert "No executions." in text


def test_services_tasks_and_executions_are_shown_with_phase_and_failure() -> None:
    environment = factories.environment()
    service(environment, phase="SERVICE_PHASE_FAILED", failure="port in use", triggers=["postDevcontainerStart"])
    build = task(environment, spec={"env": [{"name": "TOKEN", "value": "canary"}]})
    test = task(environment, name="Test", depends_on=[build.id])
    execution(test, phase="TASK_EXECUTION_PHASE_FAILED", failure="exit 2", created_at=timezone.now())
    execution(test, created_at=timezone.now() - timedelta(hours=1), log_url="http://logs.example/1")
    text = get(environment)
    words = main(text)
    assert re.search("failed web port in use .*after devcontainer start", words)
    assert "Needs Build" in words
    assert "Variables TOKEN" in words
    assert "canary" not in text
    assert "exit 2" in words
    assert 'href="http://logs' not in text
    assert re.search(r"Test .*?failed just now", words)
    assert "never run" in words


def test_failures_of_steps_are_shown() -> None:
    status = {"steps": [{"failureMessage": "step 1 broke"}, "odd", {"failureMessage": ["odd"]}]}
    environment = factories.environment()
    execution(task(environment), status=status)
    assert "step 1 broke" in main(get(environment))


def test_an_execution_of_a_task_that_is_not_known_is_shown_by_id() -> None:
    environment, unknown = factories.environment(), uuid.uuid4()
    TaskExecution.objects.create(**_of(environment, task_id=unknown))
    assert str(unknown) in main(get(environment))


def test_what_is_gone_is_left_out_but_its_name_stays() -> None:
    environment, now = factories.environment(), timezone.now()
    service(environment, name="Old service", gone_at=now)
    execution(task(environment, name="Old task", gone_at=now))
    text = main(get(environment))
    assert "Old service" not in text
    assert "No tasks." in text
    assert "Old task" in text


def test_odd_documents_and_hostile_texts_do_no_harm() -> None:
    environment, markup = factories.environment(), "<script>alert(1)</script>"
    service(environment, name=markup, description=markup, failure=markup, spec={"commands": 7, "env": {"a": 1}})
    build = task(environment, name=markup, command=markup, spec={"runsOn": [1], "env": [1, {"name": markup}]})
    execution(build, failure=markup, status={"steps": "odd"}, log_url="javascript:alert(1)", started_by=markup)
    text = get(environment)
    assert "<script>alert" not in text
    assert 'href="javascript' not in text


def test_a_poll_answers_204_until_something_is_new() -> None:
    environment, client = factories.environment(), factories.client()
    build = task(environment)
    (address,) = re.findall(r'id="poller"[^>]*hx-get="([^"]+)"', get(environment, client))
    address = address.replace("&amp;", "&")
    assert client.get(address, headers=HTMX).status_code == 204
    execution(build, failure="just failed")
    answer = client.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert "just failed" in answer.content.decode()


def test_it_costs_the_same_number_of_queries_whatever_there_is() -> None:
    environment, client, counts = factories.environment(), factories.client(), []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            get(environment, client)
        counts.append(len(queries))
        for _ in range(30):
            service(environment)
            execution(task(environment))
    assert counts[0] == counts[1] <= 16


def test_an_unknown_environment_is_not_found() -> None:
    assert factories.client().get(reverse("automations:of-environment", args=[uuid.uuid4()])).status_code == 404


def test_people_without_a_role_are_refused() -> None:
    address = reverse("automations:of-environment", args=[factories.environment().id])
    assert factories.client("").get(address).status_code == 403
