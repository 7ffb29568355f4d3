"""Executions, tasks and services by reference, and batches as files: the rows of their lists, in their order."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automations.models import BatchItem, ExecutionPhase, ItemState, ServicePhase, TaskExecution
from automations.sync.summaries import refresh
from tests.support import factories
from tests.support.automation_factories import batch, execution, service, task
from tests.support.databases import SharedRows
from tests.support.exports import read, read_csv, taken
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
HOSTILE = "+cmd|' /C calc'!A0"


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


def _thirty() -> None:
    for number in range(30):
        environment = factories.environment(name=f"env-{number % 7}-{number}", owner_name=f"Person {number % 3}")
        build, seed = task(environment), task(environment, f"seed-{number % 4}")
        execution(build, ago=timedelta(minutes=number), took=None if number % 5 == 0 else number + 1)
        execution(seed, ago=timedelta(days=number), phase=ExecutionPhase.FAILED, failure=HOSTILE)
        service(environment, **({"phase": ServicePhase.FAILED, "failure": HOSTILE} if number % 2 else {}))
    refresh()


_THIRTY = SharedRows(_thirty, "environments_", "automations_", "directory_")


@pytest.fixture
def fleet(db: None) -> None:
    """Thirty environments with two tasks and a service; runs of three kinds."""
    _THIRTY.put()


def listed(client: Client, url: str, query: str) -> list[Any]:
    """The rows of a list, page by page."""
    after, found = f"?size=25&{query}", []
    while after:
        context = client.get(url + after).context
        found += context["lines"] if "lines" in context else context["rows"]
        after = context["next_url"] or ""
    return found


@pytest.mark.parametrize(
    "query", ["", "phase=failed", "sort=duration", "sort=-duration", "q=seed&sort=reference", "since=7d&phase=running"]
)
def test_executions_are_those_of_the_list_in_its_order(auditor: Client, fleet: None, query: str) -> None:
    file = read(auditor, f"/automations/export/?{query}")
    assert [uuid.UUID(each).hex for each in file.column("id")] == [
        row["id"] for row in listed(auditor, "/automations/", query)
    ]
    assert file.head["rows"] == len(file.rows) > 0
    assert read_csv(taken(auditor, f"/automations/export/?{query}", "csv")).column("id") == file.column("id")


def test_an_execution_that_has_not_ended_has_no_duration_and_one_that_failed_its_message(
    auditor: Client, fleet: None
) -> None:
    rows = read(auditor, "/automations/export/").rows
    running = [row for row in rows if row["phase"] == "running"]
    assert len(running) == 6
    assert {(row["took_seconds"], row["completed_at"]) for row in running} == {(None, None)}
    first = next(row for row in rows if row["phase"] == "failed")
    assert first["failure"] == HOSTILE
    run = TaskExecution.objects.get(pk=first["id"])
    assert (first["task_id"], first["took_seconds"]) == (str(run.task_id), 60)
    assert b",'+cmd|' /C calc'!A0," in taken(auditor, "/automations/export/", "csv")


@pytest.mark.parametrize("things", ["tasks", "services"])
@pytest.mark.parametrize("query", ["", "sort=reference", "sort=-failed", "failing=yes", "q=seed"])
def test_references_are_those_of_the_list_in_its_order(auditor: Client, fleet: None, things: str, query: str) -> None:
    file = read(auditor, f"/automations/export/{things}/?{query}")
    lines = listed(auditor, f"/automations/{things}/", query)
    assert file.column("reference") == [line.summary.reference for line in lines]
    assert file.column("environments") == [line.summary.environments for line in lines]
    assert (file.head["list"], file.head["rows"]) == (f"/automations/{things}/", len(lines))
    assert file.head["counted_at"]


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("/automations/tasks/build/", ""),
        ("/automations/tasks/build/", "sort=-last_run&q=person"),
        ("/automations/tasks/build/", "phase=running"),
        ("/automations/services/web/", "sort=phase"),
        ("/automations/services/web/", "phase=failed&q=env-3"),
    ],
)
def test_what_has_a_reference_is_exported_environment_by_environment(
    auditor: Client, fleet: None, url: str, query: str
) -> None:
    file = read(auditor, f"{url}export/?{query}")
    assert file.column("id") == [str(row.pk) for row in listed(auditor, url, query)]
    assert file.rows
    assert file.head["reference"] in url
    assert file.head["rows"] == len(file.rows)


def test_a_task_may_be_called_export(auditor: Client) -> None:
    task(factories.environment(), "export")
    refresh()
    assert auditor.get("/automations/tasks/export/").context["reference"] == "export"
    assert read(auditor, "/automations/tasks/export/export/").head["list"] == "/automations/tasks/export/"


def test_a_reference_that_nothing_has_is_not_found(auditor: Client) -> None:
    assert auditor.get("/automations/tasks/nothing/export/?format=csv").status_code == 404


def test_batches_tell_who_asked_why_and_how_many_ended_how(auditor: Client) -> None:
    now = timezone.now()
    older, newer = (batch(factories.environment(), asked_at=now - age) for age in (timedelta(hours=2), timedelta(0)))
    operation("batch.task_start", id=newer.pk, target_type="batch", reason="=because()")
    BatchItem.objects.filter(batch=newer).update(state=ItemState.FAILED)
    file = read(auditor, "/operations/batches/export/")
    assert file.column("id") == [str(newer.pk), str(older.pk)]
    first, second = file.rows
    assert (first["asked_by"], first["reason"]) == ("ann", "=because()")
    assert (first["environments"], first["failed"], first["waiting"]) == (1, 1, 0)
    assert (second["asked_by"], second["waiting"]) == (None, 1)


def test_the_environments_of_a_batch_are_exported_by_state(auditor: Client) -> None:
    made = batch(factories.environment(name="a"))
    extra = factories.environment(name=HOSTILE)
    BatchItem.objects.create(
        batch=made, environment_id=extra.pk, environment_name=extra.name, target_id=extra.pk, state=ItemState.FAILED
    )
    url = f"/operations/batches/{made.pk}/"
    assert read(auditor, f"{url}export/").column("environment") == [HOSTILE, "a"]
    failed = read(auditor, f"{url}export/?state=failed")
    assert failed.column("environment") == [HOSTILE]
    assert failed.head["filters"] == ["State: failed"]
    assert auditor.get(f"{url}export/?state=lost&format=csv").status_code == 400
    page = auditor.get(f"{url}?state=failed").content.decode()
    assert f'href="{url}export/?format=csv&amp;state=failed"' in page


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("/automations/?phase=failed", "/automations/export/?format=csv&amp;phase=failed"),
        ("/automations/tasks/?q=seed", "/automations/export/tasks/?format=csv&amp;q=seed"),
        ("/automations/services/", '/automations/export/services/?format=csv"'),
        ("/automations/tasks/build/?q=env", "/automations/tasks/build/export/?format=csv&amp;q=env"),
        ("/automations/services/web/", '/automations/services/web/export/?format=csv"'),
    ],
)
def test_pages_lead_to_their_export_for_those_who_may(auditor: Client, fleet: None, page: str, address: str) -> None:
    assert f'href="{address}' in auditor.get(page).content.decode()
    closed = factories.client("Operator").get(page).content.decode()
    assert "/export/" not in closed
    assert "your roles do not let you export" in closed


def test_what_makes_no_sense_is_refused(auditor: Client, fleet: None) -> None:
    for url in (
        "/automations/export/?phase=asleep",
        "/automations/export/tasks/?sort=colour",
        "/automations/tasks/build/export/?phase=asleep",
        "/operations/batches/export/?sort=colour",
    ):
        assert auditor.get(f"{url}&format=csv").status_code == 400, url
