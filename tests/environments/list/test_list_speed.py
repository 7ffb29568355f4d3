"""What the list costs: as many queries at any size, each through the index that is there for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from environments.list.change_token import revision
from environments.list.list import ENVIRONMENTS
from environments.models import Environment
from portal.lists.keyset import Cursor, page
from portal.lists.query import read_query
from tests.support import factories
from tests.support.vacuuming import vacuum

ROWS = 20_000
# session, user, two for permissions, revision, keys, rows, who or what is not in order, total
LIST_QUERIES = 9
# the organization, the freshness, the saved views and the groups in the frame
FRAME_QUERIES = 5


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """20,000 committed rows, vacuumed: inside a test's transaction no index-only scan would ever be chosen."""
    with django_db_blocker.unblock():
        factories.environments(ROWS, seed=1)
        vacuum("environments_environment")
        yield
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, directory_member, directory_project,"
                " directory_runner, directory_environmentclass CASCADE"
            )


@pytest.fixture
def viewer(db: None) -> Client:
    return factories.client("Viewer")


HTMX = {"HX-Request": "true", "HX-Target": "list"}
QUERIES = [
    "",
    "?sort=name",
    "?q=petclinic",
    "?phase=running&flag=failing",
    "?q=is:failing+-phase:stopped&sort=-lockdown&size=25",
]


@pytest.mark.parametrize("query", QUERIES)
def test_20000_rows_take_no_more_queries_than_20(
    large: None, viewer: Client, query: str, django_assert_num_queries
) -> None:
    with django_assert_num_queries(LIST_QUERIES):
        first = viewer.get(f"/environments/{query}", headers=HTMX)
    with django_assert_num_queries(LIST_QUERIES):
        viewer.get(first.context["here"], headers=HTMX)
    with django_assert_num_queries(LIST_QUERIES + FRAME_QUERIES):
        viewer.get(f"/environments/{query}")


def test_totals_are_capped(large: None, viewer: Client) -> None:
    for query, capped in (("", "1–50 of 10,000+ environments"), ("?q=petclinic", "1–50 of 1,000+ environments")):
        page = viewer.get(f"/environments/{query}").content.decode()
        (total,) = re.findall(r'<p class="list-total".*?</p>', page, re.DOTALL)
        assert " ".join(re.sub("<[^>]*>", "", total).split()) == capped


def test_an_unchanged_page_asks_for_the_revision_alone(large: None, viewer: Client, django_assert_num_queries) -> None:
    url = viewer.get("/environments/").context["changes_url"]
    with django_assert_num_queries(5):
        assert viewer.get(url).status_code == 204


def plan_of(sql: str, params: tuple[object, ...]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        return json.dumps(cursor.fetchone()[0])


def indexes_of(queryset: QuerySet[Environment]) -> str:
    return plan_of(*queryset.query.sql_with_params())


def page_plan(query: str, django_assert_num_queries) -> str:
    """The plan of the query that finds the rows of a page some way down the list."""
    state = read_query(ENVIRONMENTS, QueryDict(query))
    first = page(state.rows(), state.place.order, 50, None, lambda found: found)
    assert first.next
    cursor = Cursor.decode(first.next, state.place.order)
    with django_assert_num_queries(2) as captured:
        page(state.rows(), state.place.order, 50, cursor, lambda found: found)
    return plan_of(captured[0]["sql"], ())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("environment_last_used", ""),
        ("environment_last_used", "sort=last_used"),
        ("environment_name", "sort=name"),
        ("environment_name", "sort=-name"),
        ("environment_owner_name", "sort=owner"),
        ("environment_owner_name", "sort=-owner"),
        ("environment_project_name", "sort=project"),
        ("environment_project_name", "sort=-project"),
        ("environment_lockdown", "sort=lockdown"),
        ("environment_lockdown", "sort=-lockdown"),
        ("environment_facets", "sort=phase"),
        ("environment_facets", "sort=-phase"),
        ("environment_class_name", "sort=class"),
        ("environment_class_name", "sort=-class"),
        ("environment_created", "sort=created"),
        ("environment_created", "sort=-created"),
    ],
)
def test_a_page_deep_in_a_sorted_list_is_read_from_its_index(
    large: None, index: str, query: str, django_assert_num_queries: object
) -> None:
    plan = page_plan(query, django_assert_num_queries)
    assert f'"{index}"' in plan
    assert "Seq Scan" not in plan
    if index != "environment_facets":
        assert '"Sort"' not in plan


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("environment_of_owner", "owner={creator_id}"),
        ("environment_of_project", "project={project_id}"),
        ("environment_facets", "class={class_id}"),
        ("environment_flagged", "flag=failing"),
        ("environment_flagged", "q=is:not-in-sync"),
        ("environment_flagged", "phase=running&flag=never-stops"),
        ("environment_facets", "archived=yes"),
        ("environment_facets", "role=workflow"),
        ("environment_search", "q=login-loop-{hex}"),
        ("environment_search", "q=owner:{owner}"),
        ("environment_search", "q={hex}&gone=yes"),
        ("environments_environment_pkey", "q=id:{hex}"),
        ("environment_lockdown", "lockdown=past"),
        ("environment_lockdown", "lockdown=24h&lockdown=7d"),
        ("environment_last_used", "idle=13"),
    ],
)
def test_a_filter_is_counted_from_its_index(large: None, index: str, query: str) -> None:
    row = Environment.objects.filter(project_id__isnull=False, owner_name__contains="Ann Lee 7").first()
    assert row
    filled = query.format(
        creator_id=row.creator_id,
        project_id=row.project_id,
        class_id=row.class_id,
        hex=row.pk.hex[:8],
        owner=f'"{row.owner_name}"',
    )
    state = read_query(ENVIRONMENTS, QueryDict(filled))
    assert not state.problems
    plan = indexes_of(state.rows().order_by().values("pk")[:10_001])
    assert f'"{index}"' in plan
    assert "Seq Scan" not in plan
    if index in ("environment_facets", "environment_flagged", "environment_lockdown"):  # they hold all that is asked
        assert '"Index Only Scan"' in plan


@pytest.mark.django_db
def test_the_revision_is_read_from_the_end_of_its_index(large: None, django_assert_num_queries) -> None:
    with django_assert_num_queries(1) as captured:
        revision()
    plan = plan_of(captured[0]["sql"], ())
    assert plan.count('"environment_changed"') == 2
    assert "Seq Scan" not in plan
