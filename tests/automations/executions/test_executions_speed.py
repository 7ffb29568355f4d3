"""What the lists across the organization cost: as many queries at any size, each through the index made for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from automations.executions import list as executions
from automations.models import Service, Task, TaskExecution
from portal.lists.change_token import changed_rows
from portal.lists.keyset import Cursor, page
from portal.lists.query import read_query
from tests.support import automation_factories, factories

ENVIRONMENTS, EXECUTIONS, REFERENCES = 5_000, 20_000, 40
# session, user, two for permissions, revision, keys, rows, total
LIST_QUERIES = 9
# the organization, the freshness and the groups in the frame
FRAME_QUERIES = 4
# the saved views of a list
VIEWS_QUERIES = 1
# how fresh automations are
HERE_QUERIES = 1
HTMX = {"HX-Request": "true", "HX-Target": "list"}


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """20,000 committed executions and 15,000 tasks, vacuumed: inside a test no index-only scan would be chosen."""
    with django_db_blocker.unblock():
        factories.environments(ENVIRONMENTS, seed=1)
        automation_factories.fill(EXECUTIONS, REFERENCES)
        yield
        automation_factories.empty()
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, directory_member, directory_project,"
                " directory_runner, directory_environmentclass CASCADE"
            )


@pytest.fixture
def viewer(db: None) -> Client:
    return factories.client("Viewer")


@pytest.mark.parametrize(
    "query",
    [
        "", "?sort=duration", "?q=build", "?phase=failed&since=7d", "?q=phase:failed+-task:docs&sort=reference&size=25",
        "?duration=%3E10m&by=postDevcontainerStart",
    ],
)  # fmt: skip
def test_20000_executions_take_no_more_queries_than_20(
    large: None, viewer: Client, query: str, django_assert_num_queries
) -> None:
    with django_assert_num_queries(LIST_QUERIES):
        first = viewer.get(f"/automations/{query}", headers=HTMX)
    assert first.context["rows"]
    with django_assert_num_queries(LIST_QUERIES):
        viewer.get(first.context["here"], headers=HTMX)
    with django_assert_num_queries(LIST_QUERIES + FRAME_QUERIES + VIEWS_QUERIES + HERE_QUERIES):
        viewer.get(f"/automations/{query}")


@pytest.mark.parametrize(
    ("url", "queries"),
    [
        ("/automations/tasks/", 7),  # session, user, two for permissions, keys, rows, when counted
        ("/automations/services/", 7),
        # session, user, two for permissions, revision, summary, keys, rows, who left, total, phases, projects and names
        ("/automations/tasks/build/", 13),
        ("/automations/services/build-server/", 13),
    ],
)
def test_pages_by_reference_take_as_many_queries_whatever_is_asked(
    large: None, viewer: Client, url: str, queries: int, django_assert_num_queries
) -> None:
    is_list = url.count("/") == 3
    for query in ("", "?size=100", "?sort=-environments" if is_list else "?sort=-environment&phase=failed"):
        expected = queries - ("phase=failed" in query)  # they fit on the page, and are not counted again
        with django_assert_num_queries(expected):
            viewer.get(f"{url}{query}", headers=HTMX)
        with django_assert_num_queries(expected + FRAME_QUERIES + VIEWS_QUERIES * is_list):
            viewer.get(f"{url}{query}")


def test_an_unchanged_page_asks_for_the_revision_alone(large: None, viewer: Client, django_assert_num_queries) -> None:
    for page_url, name in (("/automations/", "changes_url"), ("/automations/tasks/build/", "changes_url"),
                           ("/automations/tasks/", "changes_url")):  # fmt: skip
        url = viewer.get(page_url).context[name]
        with django_assert_num_queries(5):
            assert viewer.get(url, headers=HTMX).status_code == 204


def plan_of(sql: str, params: tuple[object, ...] = ()) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        return json.dumps(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("execution_created", ""),
        ("execution_created", "sort=created"),
        ("execution_of_reference", "reference=build"),
        ("execution_duration", "sort=duration"),
        ("execution_duration", "sort=-duration"),
        ("execution_by_reference", "sort=reference"),
        ("execution_by_reference", "sort=-reference"),
        ("execution_facets", "sort=phase"),
        ("execution_facets", "sort=-phase"),
    ],
)
def test_a_page_deep_in_a_sorted_list_is_read_from_its_index(
    large: None, index: str, query: str, django_assert_num_queries
) -> None:
    state = read_query(executions.EXECUTIONS, QueryDict(query))
    first = page(state.rows(), state.place.order, 50, None, lambda found: found)
    assert first.next
    cursor = Cursor.decode(first.next, state.place.order)
    with django_assert_num_queries(2) as captured:
        page(state.rows(), state.place.order, 50, cursor, lambda found: found)
    plan = plan_of(captured[0]["sql"])
    assert f'"{index}"' in plan
    assert "Seq Scan" not in plan
    assert '"Sort"' not in plan or index == "execution_facets"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("index", "query"),
    [
        # both begin with the reference; which of them is cheaper depends on the sampled statistics
        ("execution_(by|of)_reference", "reference={reference}"),
        ("execution_of_project", "project={project_id}"),
        ("execution_of_owner", "owner={owner_id}"),
        ("execution_of_starter", "by={owner_id}"),
        ("execution_of_environment", "environment={environment_id}"),
        ("execution_facets", "phase=failed"),
        ("execution_created", "since=24h"),
        ("execution_duration", "duration=%3C10s"),
        ("execution_under_way", "duration=%3E49m"),
        ("execution_search", "q=env:{hex}"),
        ("execution_search", "q=owner:{owner}"),
        ("execution_search", "q=otter+no-such-word"),
        ("automations_taskexecution_pkey", "q=id:{id}"),
    ],
)
def test_a_filter_is_counted_from_its_index(large: None, index: str, query: str) -> None:
    row = TaskExecution.objects.filter(project_id__isnull=False, owner_name__contains="Ann Lee 7").first()
    assert row
    filled = query.format(
        reference=row.reference, project_id=row.project_id, owner_id=row.owner_id, id=row.pk.hex[:8],
        environment_id=row.environment_id, hex=row.environment_name[-6:], owner=f'"{row.owner_name}"',
    )  # fmt: skip
    state = read_query(executions.EXECUTIONS, QueryDict(filled))
    assert not state.problems
    plan = plan_of(*state.rows().order_by().values("pk")[:10_001].query.sql_with_params())
    assert re.search(f'"{index}"', plan)
    assert "Seq Scan" not in plan


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "index"),
    [
        ("/automations/tasks/build/", "task_by_environment"),
        ("/automations/tasks/build/?sort=-last_run", "task_by_last_run"),
        ("/automations/tasks/build/?phase=failed", "task_by_phase"),
        ("/automations/services/build-server/", "service_by_environment"),
        ("/automations/services/build-server/?phase=failed", "service_by_phase"),
    ],
)
def test_what_has_a_reference_is_read_from_indexes(
    large: None, viewer: Client, url: str, index: str, django_assert_num_queries
) -> None:
    with django_assert_num_queries(13 - ("phase=failed" in url)) as captured:
        viewer.get(url, headers=HTMX)
    about = "automations_task" if "/tasks/" in url else "automations_service"
    plans = [plan_of(query["sql"]) for query in captured if f'FROM "{about}"' in query["sql"]]
    assert any(f'"{index}"' in plan for plan in plans)
    assert not any("Seq Scan" in plan for plan in plans)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "index"), [(TaskExecution, "execution_changed"), (Task, "task_changed"), (Service, "service_changed")]
)
def test_the_revision_is_read_from_the_end_of_its_index(
    large: None, model: type, index: str, django_assert_num_queries
) -> None:
    with django_assert_num_queries(1) as captured:
        changed_rows(model)()
    plan = plan_of(captured[0]["sql"])
    assert plan.count(f'"{index}"') == 2
    assert "Seq Scan" not in plan
