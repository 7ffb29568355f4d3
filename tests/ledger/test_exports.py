"""The ledger as a file: the rows of the list in its order, and without a filter all there are."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from environments.as_of.clock import written
from portal.ledger.models import Operation, Outcome
from tests.support import factories
from tests.support.exports import read, read_csv, taken
from tests.support.operations import PORTS, believable, operation

pytestmark = pytest.mark.django_db
LIST = "/operations/"
EXPORT = f"{LIST}export/"


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


@pytest.fixture
def ledger() -> dict[str, Operation]:
    return believable(factories.environments(40, seed=5))


def listed(client: Client, query: str) -> list[str]:
    after, found = f"?size=25&{query}", []
    while after:
        context = client.get(LIST + after).context
        found += [str(row.id) for row in context["rows"]]
        after = context["next_url"] or ""
    return found


@pytest.mark.parametrize("query", ["outcome=failed", "actor=user-1&sort=asked", "since=7d", "origin=api", "q=user-2"])
def test_rows_are_those_of_the_list_in_its_order(auditor: Client, ledger: dict[str, Operation], query: str) -> None:
    if auditor.get(f"{LIST}?{query}").context["problems"]:
        pytest.fail("the query itself makes no sense")
    file = read(auditor, f"{EXPORT}?{query}")
    assert file.column("id") == listed(auditor, query)
    assert file.head["rows"] == len(file.rows)
    assert read_csv(taken(auditor, f"{EXPORT}?{query}", "csv")).column("id") == file.column("id")


def test_without_a_filter_it_is_the_whole_ledger_with_the_parts_of_batches(auditor: Client) -> None:
    batch = operation("batch.task_start", target_type="batch", target_id=None, environment_id=None)
    parts = [operation("task.start", parent_id=batch.pk, ago=timedelta(hours=hour)) for hour in range(3)]
    file = read(auditor, EXPORT)
    assert set(file.column("id")) == {str(each.pk) for each in (batch, *parts)}
    assert file.column("part_of").count(str(batch.pk)) == 3
    assert file.head["note"].startswith("The whole ledger")
    assert "note" not in read(auditor, f"{EXPORT}?origin=page").head


def test_a_row_tells_all_of_an_operation(auditor: Client) -> None:
    made = operation("environment.edit_ports", target_name="=cmd()", **PORTS)
    made.refresh_from_db()
    (row,) = read(auditor, EXPORT).rows
    assert (row["before"], row["after"], row["request"]) == (made.before, made.after, made.request)
    assert (row["actor"], row["action"], row["reason"]) == (made.actor_name, "environment.edit_ports", made.reason)
    assert row["action_words"] == "change ports of environment"
    assert made.closed_at
    assert row["asked_at"] == written(made.asked_at)
    assert row["took_seconds"] == pytest.approx((made.closed_at - made.asked_at).total_seconds())
    raw = taken(auditor, EXPORT, "csv")
    assert b",'=cmd()," in raw
    assert read_csv(raw).column("target") == ["=cmd()"]


def test_what_has_not_ended_took_no_time_that_is_known(auditor: Client) -> None:
    operation("environment.stop", outcome=Outcome.PENDING, is_open=True)
    (row,) = read(auditor, EXPORT).rows
    assert (row["closed_at"], row["took_seconds"], row["outcome"]) == (None, None, "pending")


def test_the_head_tells_filters_gaps_and_policy(auditor: Client, ledger: dict[str, Operation]) -> None:
    head = read(auditor, f"{EXPORT}?outcome=failed&since=7d").head
    assert sorted(head["filters"]) == ["Outcome: failed", "Requested within: last 7 days"]
    assert (head["list"], head["order"]) == (LIST, "Requested, descending")
    assert {"observation", "policy"} <= set(head)


def test_a_filter_that_makes_no_sense_is_refused(auditor: Client) -> None:
    assert auditor.get(f"{EXPORT}?format=csv&outcome=splendid").status_code == 400
    assert auditor.get(f"{EXPORT}?format=csv&part-of=nobody").status_code == 400


def test_the_page_leads_to_it(auditor: Client, ledger: dict[str, Operation]) -> None:
    assert f'href="{EXPORT}?format=csv&amp;outcome=failed"' in auditor.get(f"{LIST}?outcome=failed").content.decode()
    assert "do not let you export" in factories.client("Viewer").get(LIST).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(auditor: Client, django_assert_max_num_queries: Any) -> None:
    counts = []
    for more in (3, 300):
        for _ in range(more):
            operation("environment.stop", target_id=uuid.uuid4())
        with django_assert_max_num_queries(20) as captured:
            read(auditor, EXPORT)
        counts.append(len(captured))
    assert counts[0] == counts[1]
