"""What the list of operations costs: as many queries at any size, through the indexes that are there for it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict

from portal.ledger.chain.kept_verifications import verify_and_keep
from portal.ledger.facets import panel
from portal.ledger.list import OPERATIONS
from portal.ledger.models import Operation, Outcome
from portal.ledger.rows import revision
from portal.lists.keyset import page
from portal.lists.query import read_query
from tests.support import factories
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
# session, user, two for permissions, two for the revision, keys, rows
LIST_QUERIES = 8
# the total, of a list that is longer than its page
TOTAL_QUERIES = 1
# actors and actions to choose from
PANEL_QUERIES = 2
# the organization, the freshness, the saved views and the groups in the frame
FRAME_QUERIES = 5
# how it was verified last, whether the head of that is in it, and the one now
CHAIN_QUERIES = 3
HTMX = {"HX-Request": "true", "HX-Target": "list"}


def make(number: int) -> None:
    for position in range(number):
        outcome = Outcome.FAILED if position % 3 == 0 else Outcome.SUCCEEDED
        operation(outcome=outcome, actor_name=f"user-{position % 7}", ago=timedelta(minutes=position))


def test_500_rows_take_one_query_more_than_5(django_assert_num_queries) -> None:
    viewer = factories.client("Viewer")
    for more, queries in ((5, LIST_QUERIES), (495, LIST_QUERIES + TOTAL_QUERIES)):
        make(more)
        verify_and_keep()
        for query in ("", "?outcome=failed&since=7d", "?q=actor:user+nobody", "?actor=user-3&size=25"):
            with django_assert_num_queries(queries, info=query):
                assert viewer.get(f"/operations/{query}", headers=HTMX).context["rows"]
            with django_assert_num_queries(queries + PANEL_QUERIES + FRAME_QUERIES + CHAIN_QUERIES, info=query):
                viewer.get(f"/operations/{query}")


def test_an_unchanged_page_asks_for_the_revision_alone(django_assert_num_queries) -> None:
    make(5)
    viewer = factories.client("Viewer")
    url = viewer.get("/operations/").context["changes_url"]
    with django_assert_num_queries(LIST_QUERIES - 2):
        assert viewer.get(url).status_code == 204


def test_one_operation_is_one_query_and_its_entries_another(django_assert_num_queries) -> None:
    made, viewer = operation(is_open=True), factories.client("Viewer")
    with django_assert_num_queries(6):
        viewer.get(f"/operations/{made.pk}/", headers={"HX-Request": "true"})


MANY = """
INSERT INTO ledger_operation (id, actor_name, action, target_type, target_name, environment_id, reason, request, before,
    after, origin, asked_at, outcome, code, message, request_id, explanation)
SELECT gen_random_uuid(), 'user-' || n % 50, 'environment.do-' || n % 20, 'environment', 'otter-' || n % 900,
    md5((n % 900)::text)::uuid, 'ticket ' || n, '{}', '{}', '{}', 'page', now() - n * interval '1 minute', 'pending',
    '', '', '', ''
FROM generate_series(1, 20000) n
"""
ENDED = """
UPDATE ledger_operation SET outcome = CASE WHEN action = 'environment.do-7' THEN 'failed' ELSE 'succeeded' END,
    closed_at = asked_at + interval '2 s'
WHERE asked_at < now() - interval '10 minutes'
"""


def make_many() -> None:
    """20,000 operations of 50 people on 900 environments; the newest ten are open. Past the chain, which takes time."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (MANY, ENDED, "SELECT gin_clean_pending_list('operation_search')", "ANALYZE ledger_operation"):
            cursor.execute(statement)


def plans(captured: list[dict[str, str]]) -> str:
    with connection.cursor() as cursor:
        found = []
        for query in captured:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {query['sql']}")
            found.append(json.dumps(cursor.fetchone()[0]))
    return "\n".join(found)


WAYS = {
    "": "operation_newest",
    "sort=asked": "operation_newest",
    "since=24h": "operation_newest",
    "actor=user-3": "operation_of_actor",
    "action=environment.do-3": "operation_of_action",
    "target={environment}": "operation_of_environment",
    "outcome=failed": "operation_trouble",
    "outcome=open": "operation_open",
    "q=ticket+4711": "operation_search",
    "target=otter-711": "operation_search",
    "q=actor:user-11+4711": "operation_search",
}


def test_what_is_read_of_20000_operations_is_read_through_indexes(django_assert_num_queries) -> None:
    make_many()
    each_way_to_look(django_assert_num_queries)
    the_revision(django_assert_num_queries)
    names_to_choose_from(django_assert_num_queries)


def each_way_to_look(django_assert_num_queries) -> None:
    environment = Operation.objects.order_by("asked_at").values_list("environment_id", flat=True)[0]
    for query, index in WAYS.items():
        state = read_query(OPERATIONS, QueryDict(query.format(environment=environment)))
        with django_assert_num_queries(2, info=query) as captured:
            page(state.rows(), state.place.order, 25, None, lambda found: found)
        plan = plans(captured.captured_queries[:1])
        assert f'"{index}' in plan, query  # operation_newest, or operation_newest_whole, which has all rows here too
        assert "Seq Scan" not in plan, query


def the_revision(django_assert_num_queries) -> None:
    with django_assert_num_queries(2) as captured:
        revision()
    plan = plans(captured.captured_queries)
    assert '"operation_newest"' in plan
    assert '"operation_open"' in plan
    assert "Seq Scan" not in plan


def names_to_choose_from(django_assert_num_queries) -> None:
    """One by one."""
    with django_assert_num_queries(2) as captured:
        choices = panel(read_query(OPERATIONS, QueryDict("")))
    assert (len(choices.actors), len(choices.actions)) == (50, 20)
    plan = plans(captured.captured_queries)
    assert '"operation_of_actor"' in plan
    assert '"operation_of_action"' in plan
    assert "Seq Scan" not in plan
