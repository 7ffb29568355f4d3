"""The stream as a file: the rows of the page, of both sides, in its order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.activity.list import STREAM as LIST
from environments.activity.queries import MOST_NAMED, pieces
from environments.models import SyncRun
from portal.ledger.audit_log_matching import match
from portal.ledger.models import AuditLog, AuditLogGap, Operation
from portal.lists.query import read_query
from tests.support import factories, operations
from tests.support.audit_entries import entry, own, person
from tests.support.exports import read, read_csv, taken

pytestmark = pytest.mark.django_db
STREAM = "/operations/stream/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


def mixed(count: int) -> list[tuple[str, str]]:
    """So many operations and entries of Ona's log in turn, newest first: their source and id."""
    made = []
    for number in range(count):
        ago = number * MINUTE
        of_ona = number % 3 == 1
        row: Any = entry(ago=ago) if of_ona else operations.operation(ago=ago)
        made.append(("ona" if of_ona else "portal", str(row.pk)))
    return made


@pytest.mark.parametrize("order", ["", "sort=at"])
def test_rows_are_those_of_the_stream_in_its_order(auditor: Client, order: str) -> None:
    made = mixed(30)
    expected = made[::-1] if order else made
    file = read(auditor, f"{STREAM}export/?{order}")
    assert list(zip(file.column("source"), file.column("id"), strict=True)) == expected
    assert file.head["rows"] == len(made)
    as_csv = read_csv(taken(auditor, f"{STREAM}export/?{order}", "csv"))
    assert as_csv.is_whole
    assert as_csv.column("id") == [identity for _, identity in expected]


@pytest.mark.parametrize("size", [1, 7, 29, 30, 31])
def test_pieces_of_any_size_hold_each_row_once(size: int) -> None:
    made = mixed(30)
    found = [spot for piece in pieces(read_query(LIST, QueryDict("")), size) for spot in piece]
    assert [(spot.source, str(spot.pk)) for spot in found] == made


def test_filters_narrow_the_file_and_stand_at_its_head(auditor: Client) -> None:
    mixed(9)
    file = read(auditor, f"{STREAM}export/?source=outside")
    assert set(file.column("source")) == {"ona"}
    assert file.head["filters"] == ["Show: done outside the portal"]
    assert "only probable" in file.head["note"]


def test_an_entry_that_probably_tells_of_an_operation_stands_with_it(auditor: Client) -> None:
    environment = factories.environment()
    operation = operations.operation(environment_id=environment.pk, target_id=environment.pk)
    told = own("stop environment", subject_id=environment.pk, at=operation.sent_at)
    assert match(AuditLog.objects.all()) == 1
    file = read(auditor, f"{STREAM}export/")
    assert file.column("probably_in_onas_log") == [str(told.pk)]
    assert read(auditor, f"{STREAM}export/?source=ona").column("probably_of_operation") == [str(operation.pk)]


def batch() -> tuple[Operation, list[Operation], list[AuditLog]]:
    """A batch of two environments and what Ona's log tells of them."""
    whole = operations.operation("batch.stop", target_type="batch", environment_id=None, ago=20 * MINUTE)
    parts = []
    for number in range(2):
        otter = factories.environment()
        about = {"target_id": otter.pk, "environment_id": otter.pk, "ago": (10 - number) * MINUTE}
        parts.append(operations.operation(parent_id=whole.pk, **about))
    told = [own(subject_id=part.environment_id, at=part.sent_at) for part in parts]
    assert match(AuditLog.objects.all()) == 2
    return whole, parts, told


@pytest.mark.parametrize("query", ["", "since=24h", "what=stop"])
def test_parts_of_batches_are_in_the_file_with_what_onas_log_tells_of_them(auditor: Client, query: str) -> None:
    whole, parts, told = batch()
    file = read(auditor, f"{STREAM}export/?{query}")
    assert set(file.column("id")) == {str(each.pk) for each in (whole, *parts)}
    assert file.head["rows"] == 3
    assert {*file.column("probably_in_onas_log")} == {None, *(str(each.pk) for each in told)}
    assert "parts of batches" in file.head["note"]


@pytest.mark.parametrize("query", ["from={at}", "who={account}", "what=in other words"])
def test_an_entry_is_in_the_file_where_its_operation_is_not(auditor: Client, query: str) -> None:
    otter = factories.environment()
    asked = operations.operation(target_id=otter.pk, environment_id=otter.pk, ago=10 * MINUTE)
    at = (asked.sent_at + 15 * MINUTE / 60).replace(second=0, microsecond=0) + MINUTE
    told = own("stop environment in other words", subject_id=otter.pk, at=at)
    AuditLog.objects.filter(pk=told.pk).update(operation_id=asked.pk)
    url = f"{STREAM}export/?{query.format(at=f'{at:%Y-%m-%dT%H:%M}', account=told.actor_id)}"
    assert read(auditor, url).column("id") == [str(told.pk)]


def test_people_are_named_and_a_filter_without_sense_makes_no_file(auditor: Client) -> None:
    ada = person("Ada Lovelace")
    entry(actor_id=ada.pk)
    assert "Ada Lovelace" in str(read(auditor, f"{STREAM}export/").column("actor"))
    assert auditor.get(f"{STREAM}export/?format=csv&source=nowhere").status_code == 400


def test_a_name_that_many_have_leaves_none_of_them_out(auditor: Client) -> None:
    """More than are written into a query."""
    many = MOST_NAMED + 5
    rows = [factories.environment(name=f"shop-{number}") for number in range(many)]
    people = [person("Ada Lovelace") for _ in range(many)]
    for row, ada in zip(rows, people, strict=True):
        operations.operation(environment_id=row.pk)
        entry(actor_id=ada.pk, subject_id=row.pk)
    entry()
    assert read(auditor, f"{STREAM}export/?environment=shop").head["rows"] == 2 * many
    assert read(auditor, f"{STREAM}export/?who=lovelace").head["rows"] == many


def test_how_far_onas_log_was_read_stands_at_the_head(auditor: Client) -> None:
    def told() -> dict[str, Any]:
        return dict(read(auditor, f"{STREAM}export/?source=outside").head["onas_log"])

    assert told() == {"state": "never", "last_read_at": None, "error": None, "unread": []}
    began = timezone.now() - MINUTE
    SyncRun.objects.create(
        kind=SyncRun.Kind.AUDIT_LOGS, state=SyncRun.State.REFUSED, error="The token may not.",
        started_at=began, finished_at=began,
    )  # fmt: skip
    AuditLogGap.objects.create(end=began)
    assert told()["state"] == "refused"
    assert told()["error"] == "The token may not."
    assert told()["unread"] == [{"from": None, "until": f"{began:%Y-%m-%dT%H:%M:%S.%fZ}"}]


def test_an_entry_about_nothing_has_no_empty_name(auditor: Client) -> None:
    entry(subject_id=None, subject_type="")
    assert read(auditor, f"{STREAM}export/").column("subject") == [None]


def test_the_number_of_queries_does_not_grow_with_the_rows(auditor: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            taken(auditor, f"{STREAM}export/", "json")
        return len(captured)

    mixed(6)
    few = queries()
    mixed(60)
    assert queries() == few
