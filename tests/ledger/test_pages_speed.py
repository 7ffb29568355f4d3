"""What the list of operations costs: as many queries at any size, through the indexes that are there for it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict

from portal.ledger.listing import revision
from portal.ledger.models import Outcome
from portal.ledger.state import read_state
from portal.web.pages import page
from tests import factories
from tests.operations import operation

pytestmark = pytest.mark.django_db
# session, user, two for permissions, two for the revision, keys, rows, total
LIST_QUERIES = 9
# actors and actions to choose from
PANEL_QUERIES = 2
# the organization, the freshness and the groups in the frame
FRAME_QUERIES = 3
HTMX = {"HX-Request": "true", "HX-Target": "list"}


def make(number: int) -> None:
    for position in range(number):
        outcome = Outcome.FAILED if position % 3 == 0 else Outcome.SUCCEEDED
        operation(outcome=outcome, actor_name=f"user-{position % 7}", ago=timedelta(minutes=position))


@pytest.mark.parametrize("number", [5, 500])
@pytest.mark.parametrize("query", ["", "?outcome=failed&since=7d", "?q=actor:user+nobody", "?actor=user-3&size=100"])
def test_500_rows_take_no_more_queries_than_5(number: int, query: str, django_assert_num_queries) -> None:
    make(number)
    viewer = factories.client("Viewer")
    with django_assert_num_queries(LIST_QUERIES):
        assert viewer.get(f"/operations/{query}", headers=HTMX).context["rows"]
    with django_assert_num_queries(LIST_QUERIES + PANEL_QUERIES + FRAME_QUERIES):
        viewer.get(f"/operations/{query}")


def test_an_unchanged_page_asks_for_the_revision_alone(django_assert_num_queries) -> None:
    make(5)
    viewer = factories.client("Viewer")
    url = viewer.get("/operations/").context["changes_url"]
    with django_assert_num_queries(LIST_QUERIES - 3):
        assert viewer.get(url).status_code == 204


def test_one_operation_is_one_query(django_assert_num_queries) -> None:
    made, viewer = operation(is_open=True), factories.client("Viewer")
    with django_assert_num_queries(5):
        viewer.get(f"/operations/{made.pk}/", headers={"HX-Request": "true"})


def plans(captured: list[dict[str, str]]) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows are read through no index otherwise
        cursor.execute("SET LOCAL enable_sort = off")
        found = []
        for query in captured:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {query['sql']}")
            found.append(json.dumps(cursor.fetchone()[0]))
    return "\n".join(found)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "operation_newest"),
        ("sort=asked", "operation_newest"),
        ("actor=user-3", "operation_of_actor"),
        ("target=018f3c5a-0000-4000-8000-000000000001", "operation_of_environment"),
        ("q=nobody", "operation_search"),
        ("target=otter", "operation_search"),
    ],
)
def test_each_way_to_look_has_its_index(query: str, index: str, django_assert_num_queries) -> None:
    make(200)
    state = read_state(QueryDict(query))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_operation")
    with django_assert_num_queries(2) as captured:
        page(state.filters.qs, state.place.order, 25, None, lambda found: found)
    usable = plans(captured.captured_queries[:1])
    assert "Seq Scan" not in usable
    assert index in usable or "operation_newest" in usable


def test_the_revision_is_read_from_the_ends_of_indexes(django_assert_num_queries) -> None:
    make(200)
    with django_assert_num_queries(2) as captured:
        revision()
    plan = plans(captured.captured_queries)
    assert "operation_newest" in plan
    assert "operation_open" in plan
    assert "Seq Scan" not in plan
