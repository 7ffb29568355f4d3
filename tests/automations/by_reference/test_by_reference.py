"""Tasks and services by reference over all environments, and the environments that have one of them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automations.models import ExecutionPhase, ServicePhase, Task
from automations.sync.summaries import refresh
from portal.directory.models import Project
from tests.support import factories
from tests.support.automation_factories import execution, service, task

pytestmark = pytest.mark.django_db
TASKS, SERVICES = "/automations/tasks/", "/automations/services/"
HTMX = {"HX-Request": "true", "HX-Target": "list"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


@pytest.fixture
def shop() -> Project:
    now = timezone.now()
    return Project.objects.create(id=uuid.uuid4(), name="web-shop", first_seen_at=now, seen_at=now)


@pytest.fixture
def fleet(shop: Project) -> None:
    """Three environments that build, one that seeds; a service that fails in two of three."""
    for number in range(3):
        columns = {"project_id": shop.pk, "project_name": shop.name} if number else {}
        environment = factories.environment(name=f"env-{number}", owner_name=f"Person {number}", **columns)
        build = task(environment)
        if number < 2:
            execution(build, took=60 * (number + 1))
            execution(build, ago=timedelta(minutes=5), phase=ExecutionPhase.FAILED if number else "", failure="x")
        failing = {"phase": ServicePhase.FAILED, "failure": f"port {3000 + number} is taken"} if number else {}
        service(environment, **failing)
    execution(task(environment, "seed"), took=None, ago=timedelta(minutes=1))
    refresh()


def references(answer: Any) -> list[str]:
    return [line.summary.reference for line in answer.context["rows"]]


def test_tasks_tell_where_they_are_how_they_ended_and_how_long_they_take(viewer: Client, fleet: None) -> None:
    answer = viewer.get(TASKS)
    page = answer.content.decode()
    assert references(answer) == ["build", "seed"]
    build, seed = answer.context["rows"]
    assert build.summary.environments == 3
    assert build.percent == 33
    assert build.marks_words == "1 failed, 1 unknown, 2 succeeded"
    assert seed.percent is None
    for told in ("1 min 30 s", "33 % of 3", "1 in progress", "no run ended", "reference=build&amp;phase=failed"):
        assert told in page, told


def test_services_tell_their_phases_and_which_fail_nearly_everywhere(viewer: Client, fleet: None) -> None:
    answer = viewer.get(SERVICES)
    page = answer.content.decode()
    (line,) = answer.context["rows"]
    assert line.is_everywhere
    assert line.percent == 67
    assert [(each.count, each.url) for each in line.phases] == [
        (2, f"{SERVICES}web/?phase=failed"),
        (1, f"{SERVICES}web/?phase=running"),
    ]
    for told in ("2 × ", "is taken", "fails nearly everywhere", "67 %"):
        assert told in page, told


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?sort=reference", ["build", "seed"]),
        ("?sort=-reference", ["seed", "build"]),
        ("?sort=environments", ["seed", "build"]),
        ("?sort=-failed", ["build", "seed"]),
        ("?sort=-median", ["build", "seed"]),
        ("?sort=p95", ["build", "seed"]),
        ("?sort=-last_run", ["seed", "build"]),
        ("?q=SEE", ["seed"]),
        ("?failing=yes", ["build"]),
        ("?q=nothing", []),
    ],
)
def test_the_list_of_tasks_can_be_sorted_searched_and_narrowed(
    viewer: Client, fleet: None, query: str, found: list[str]
) -> None:
    assert references(viewer.get(f"{TASKS}{query}")) == found


def test_long_lists_of_references_are_paged_by_numbers_and_durations_too(viewer: Client) -> None:
    environment = factories.environment()
    for number in range(60):
        made = task(environment, f"task-{number}")
        if number % 3:
            execution(made, took=number / 7)
    refresh()
    for sort in ("-environments", "-median", "failed", "last_run"):
        first = viewer.get(f"{TASKS}?sort={sort}")
        second = viewer.get(f"{TASKS}{first.context['next_url']}")
        assert len({*references(first), *references(second)}) == 60


@pytest.mark.parametrize("url", [TASKS, SERVICES, f"{TASKS}build/", f"{SERVICES}web/"])
def test_open_pages_are_answered_204_while_nothing_is_new(viewer: Client, fleet: None, url: str) -> None:
    asked = viewer.get(url).context["changes_url"]
    assert viewer.get(asked, headers=HTMX).status_code == 204
    assert viewer.get(url, {"seen": "before"}, headers=HTMX).status_code == 200


def test_the_environments_that_have_a_task_are_listed_with_its_last_run(viewer: Client, fleet: None) -> None:
    answer = viewer.get(f"{TASKS}build/")
    assert [row.environment_name for row in answer.context["rows"]] == ["env-0", "env-1", "env-2"]
    page = answer.content.decode()
    newest = Task.objects.get(environment_name="env-1").last_execution_id
    for told in (f"/automations/executions/{newest}/", "never run", "web-shop", "Person 2"):
        assert told in page, told


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (f"{TASKS}build/?phase=failed", ["env-1"]),
        (f"{TASKS}build/?phase=never", ["env-0", "env-2"]),
        (f"{TASKS}build/?project={{shop}}", ["env-1", "env-2"]),
        (f"{TASKS}build/?project=none", ["env-0"]),
        (f"{TASKS}build/?q=person+2", ["env-2"]),
        (f"{TASKS}build/?sort=-environment", ["env-2", "env-1", "env-0"]),
        (f"{TASKS}build/?sort=-last_run", ["env-1", "env-0", "env-2"]),
        (f"{SERVICES}web/?phase=failed", ["env-1", "env-2"]),
        (f"{SERVICES}web/?phase=service_phase_dreaming", []),
        (f"{SERVICES}web/?sort=phase", ["env-1", "env-2", "env-0"]),
    ],
)
def test_the_environments_of_a_reference_can_be_filtered_and_sorted(
    viewer: Client, fleet: None, shop: Project, url: str, found: list[str]
) -> None:
    rows = viewer.get(url.format(shop=shop.pk)).context["rows"]
    names = [row.environment_name for row in rows]
    assert sorted(names) == sorted(found) if "sort=" in url and "environment" not in url else names == found


def test_a_selection_leads_to_running_in_many_environments(fleet: None, shop: Project) -> None:
    page = factories.client("Operator").get(f"{TASKS}build/?project={shop.pk}").content.decode()
    assert f"batches/new/?action=task.start&amp;reference=build&amp;project={shop.pk}" in page
    page = factories.client("Viewer").get(f"{TASKS}build/").content.decode()
    assert "batches/new/" not in page
    assert "Your roles do not let you do this" in page


def test_a_reference_that_nobody_has_is_not_found(viewer: Client, fleet: None) -> None:
    assert viewer.get(f"{TASKS}nothing/").status_code == 404
    assert viewer.get(f"{SERVICES}nothing/").status_code == 404


@pytest.mark.parametrize("query", ["phase=sleeping", "project=shop", "sort=x", "page=x", "size=3"])
def test_what_makes_no_sense_is_explained(viewer: Client, fleet: None, query: str) -> None:
    said = "was ignored" if query.split("=")[0] in ("sort", "page", "size") else "so nothing is shown"
    assert said in viewer.get(f"{TASKS}build/?{query}").content.decode()


def test_before_anything_was_read_the_pages_say_so(viewer: Client) -> None:
    assert "No tasks here yet" in viewer.get(TASKS).content.decode()
    assert "No services here yet" in viewer.get(SERVICES).content.decode()


def test_names_and_failures_from_outside_are_text_and_nothing_else(viewer: Client) -> None:
    environment = factories.environment(name=HOSTILE, owner_name=HOSTILE, project_id=uuid.uuid4(), project_name=HOSTILE)
    execution(task(environment, name=HOSTILE), phase=HOSTILE, failure=HOSTILE)
    service(environment, name=HOSTILE, phase=HOSTILE, failure=HOSTILE)
    refresh()
    for url in (TASKS, SERVICES, f"{TASKS}build/", f"{SERVICES}web/"):
        page = viewer.get(url).content.decode()
        assert "onerror" in page
        assert "<img src=x" not in page


def test_services_are_selected_in_their_list_and_planned_for_their_environments_alone() -> None:
    one, other = (factories.environment(name=name) for name in ("one", "other"))
    for environment in (one, other):
        service(environment, "indexer")
    page = factories.client("Operator").get("/automations/services/indexer/").content.decode()
    assert "Select one" in page
    bar = page.partition('id="chosen"')[2].partition("</form>")[0]
    assert 'name="reference" value="indexer"' in " ".join(bar.split())
    assert re.findall(r'name="action"\s+value="([^"]+)"', bar) == ["service.start", "service.stop", "service.restart"]
    query = {"action": "service.restart", "reference": "indexer", "id": ["none", one.pk.hex]}
    plan = factories.client("Operator").get("/operations/batches/new/", query).content.decode()
    assert len(re.findall(r'name="target"\s+value="[^"]+" checked', plan)) == 1
    assert "Select one" not in factories.client("Viewer").get("/automations/services/indexer/").content.decode()
