"""The pages of batches: choose, preview, begin, watch, cancel, again."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automations.batches.plan import MOST
from automations.models import Batch, BatchItem, ItemState, Task
from automations.sync.summaries import refresh
from environments.models import Phase
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.support import automation_factories as made
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/operations/batches/new/"


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    with connect(World(environments=0, seed=6)) as server:
        yield server


def tasks(count: int, **columns: Any) -> list[Task]:
    return [made.task(factories.environment(phase=Phase.RUNNING, **columns), "reindex") for _ in range(count)]


def asked(rows: list[Task], **fields: Any) -> dict[str, Any]:
    plain = {
        "operation_id": str(uuid.uuid4()), "action": "task.start", "reference": "reindex", "at_once": "3",
        "stop_after": "2", "reason": "why not", "target": [str(row.pk) for row in rows],
        "chosen_from": "action=task.start&reference=reindex&q=phase:running",
    }  # fmt: skip
    return plain | fields


def test_the_preview_ticks_where_it_will_run_and_names_where_it_cannot() -> None:
    rows = tasks(2, name="runner")
    made.execution(rows[0], took=None)
    made.task(factories.environment(phase=Phase.STOPPED, name="sleeper"), "reindex")
    page = factories.client("Operator").get(NEW, {"action": "task.start", "reference": "reindex"}).content.decode()
    assert re.findall(r'name="target"\s+value="([^"]+)" checked', page) == [str(rows[1].pk)]
    assert "1: already running" in page
    assert "1: not running" in page
    assert "sleeper" in page


def test_the_filters_of_the_environments_list_choose() -> None:
    shop, other = tasks(1, project_name="shop")[0], tasks(1, project_name="other")[0]
    page = (
        factories.client("Operator")
        .get(NEW, {"action": "task.start", "reference": "reindex", "q": "project:shop"})
        .content.decode()
    )
    assert str(shop.pk) in page
    assert str(other.pk) not in page


def test_a_batch_begins_and_its_page_shows_who_why_and_each_environment(sandbox: Sandbox) -> None:
    rows = tasks(3)
    client = factories.client("Operator")
    answer = client.post(NEW, asked(rows[:2]))
    batch = Batch.objects.get()
    assert answer["Location"] == reverse("automations:batch", args=[batch.pk])
    assert {item.target_id for item in batch.items.all()} == {row.pk for row in rows[:2]}
    assert (batch.at_once, batch.stop_after) == (3, 2)
    page = client.get(answer["Location"]).content.decode()
    assert "why not" in page
    assert str(rows[0].environment) in page
    assert Operation.objects.get(pk=batch.pk).request["chosenFrom"].endswith("q=phase:running")
    assert 'value="0"' in page

    def badge(viewer: Client) -> str:
        news, page = (viewer.get(path).content.decode() for path in ("/live/badges/operations:list/", NEW))
        assert news.strip() in page
        assert bool(news.strip()) == ("sidebar-badge" in page)
        found = re.search(r'sidebar-badge tone-(\w+)".*?>(\d+)<span[^>]*>([^<]*)<', news, re.S)
        return " ".join(found.groups()) if found else ""

    assert badge(client) == "blue 1 of your batches is in progress".replace("1 of", "1  of")
    assert badge(factories.client("Operator")) == ""
    operation = Operation.objects.get(pk=batch.pk)
    recording.close(
        operation, Outcome.FAILED, after={"results": {"failed": 1}}, code="incomplete", explanation="1 failed."
    )
    assert badge(client).startswith("red 1")
    made.batch(rows[0].environment, again_of=batch.pk)
    assert badge(client) == ""
    title = client.get(f"/operations/{batch.pk}/").content.decode()
    assert "<bdi>Start task reindex in 2 environments</bdi>" in title
    assert '<p class="op-reason"><bdi>why not</bdi></p>' in title


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": ""}, "Enter a reason"),
        ({"at_once": "0"}, "greater than or equal to 1"),
        ({"at_once": "many"}, "Enter a whole number"),
        ({"stop_after": "-1"}, "greater than or equal to 1"),
        ({"target": []}, "Select at least one"),
        ({"target": ["nonsense"]}, "is not valid"),
        ({"target": [str(uuid.uuid4()) for _ in range(MOST + 1)]}, f"at most {MOST}"),
        ({"target": [str(uuid.uuid4())]}, "Choose at least one environment"),
    ],
)
def test_what_makes_no_sense_is_said_and_loses_nothing(fields: dict[str, Any], words: str) -> None:
    rows = tasks(2)
    answer = factories.client("Operator").post(NEW, asked(rows[:1], stop_after="7") | fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert fields.get("reason", "why not") in page
    assert f'value="{fields.get("stop_after", "7")}"' in page
    if "target" not in fields:  # what was unticked stays so
        assert re.findall(r'name="target"\s+value="([^"]+)" checked', page) == [str(rows[0].pk)]
    assert not Batch.objects.exists()


def test_an_open_page_is_told_of_news_only() -> None:
    batch = made.batch(factories.environment())
    client, url = factories.client("Viewer"), f"/operations/batches/{batch.pk}/"
    page = client.get(url).content.decode()
    poll = re.search(r'hx-get="([^"]+seen=[^"]+)"', page)
    assert poll
    address = poll[1].replace("&amp;", "&")
    assert client.get(address, headers={"hx-request": "true"}).status_code == 204
    Batch.objects.filter(pk=batch.pk).update(changed_at=batch.changed_at.replace(year=2030))
    assert client.get(address, headers={"hx-request": "true"}).status_code == 200


def test_a_batch_is_cancelled_from_its_page() -> None:
    batch = made.batch(factories.environment())
    client = factories.client("Operator")
    client.post(f"/operations/batches/{batch.pk}/cancel/")
    assert BatchItem.objects.get().state == ItemState.LEFT_OUT
    assert client.get(f"/operations/batches/{batch.pk}/cancel/").status_code == 405


def test_again_is_offered_where_it_failed_and_only_there() -> None:
    failed, good = tasks(2)
    batch = made.batch(failed.environment, reference="reindex")
    batch.items.update(state=ItemState.FAILED, target_id=failed.pk)
    BatchItem.objects.create(
        batch=batch, environment_id=good.environment_id, target_id=good.pk, state=ItemState.SUCCEEDED
    )
    Batch.objects.update(closed_at=batch.asked_at)
    client = factories.client("Operator")
    page = client.get(f"/operations/batches/{batch.pk}/").content.decode()
    link = re.search(r'href="([^"]+)">\s*Retry failed \(1\)', page)
    assert link
    preview = client.get(link[1].replace("&amp;", "&")).content.decode()
    assert str(failed.pk) in preview
    assert str(good.pk) not in preview


def test_the_items_of_one_state_are_shown_alone() -> None:
    batch = made.batch(factories.environment(name="waiting-one"))
    BatchItem.objects.create(
        batch=batch, environment_id=uuid.uuid4(), environment_name="failed-one", target_id=uuid.uuid4(),
        state=ItemState.FAILED, why="exit <b>status</b> 1",
    )  # fmt: skip
    client = factories.client("Viewer")
    page = client.get(f"/operations/batches/{batch.pk}/?state=failed").content.decode()
    assert "failed-one" in page
    assert "waiting-one" not in page
    assert "exit &lt;b&gt;status&lt;/b&gt; 1" in page
    assert "waiting-one" not in client.get(f"/operations/batches/{batch.pk}/?state=nonsense").content.decode()


@pytest.mark.parametrize("path", ["/operations/batches/", f"{NEW}?action=task.start&reference=reindex"])
def test_it_takes_as_many_queries_for_many_as_for_few(path: str) -> None:
    client, counts = factories.client("Operator"), []
    for _ in range(2):
        for row in tasks(3):
            made.batch(row.environment)
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_references_that_were_counted_are_offered() -> None:
    tasks(1)
    refresh()
    page = factories.client("Operator").get(NEW).content.decode()
    assert '<option value="reindex"></option>' in page
