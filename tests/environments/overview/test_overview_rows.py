"""The rows behind the overview's figures: changes, starts, running time by day."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from environments.models import Environment, Field, Transition
from environments.models.overview import OverviewPart, RunningTime, StartUp
from environments.overview.refresh import refresh_parts
from portal.lists.keyset import Cursor
from tests.support import factories

pytestmark = pytest.mark.django_db
CHANGES, STARTS, RUNNING_TIME = (f"/overview/{name}/" for name in ("changes", "starts", "running-time"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def body(url: str, **query: str) -> str:
    answer = factories.client().get(url, query)
    assert answer.status_code == 200
    text = answer.content.decode()
    return text[text.index("<main") :]


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def changed(environment: Environment, new: str, field: str = Field.FAILURE, ago: timedelta = 0 * DAY) -> Transition:
    seen_at = timezone.now() - ago
    return Transition.objects.create(environment=environment, field=field, old="", new=new, seen_at=seen_at)


def started(count: int, **columns: Any) -> None:
    now, first = timezone.now(), StartUp.objects.count()
    StartUp.objects.bulk_create(
        StartUp(
            **{
                "transition_id": first + number, "environment_id": factories.environment().pk, "kind": "started",
                "running_at": now - number // 3 * MINUTE, "seconds": 30.0 + number, "uncertain": 5,
            } | columns
        )
        for number in range(count)
    )  # fmt: skip


def test_changes_are_listed_by_the_time_they_were_seen_and_those_recorded_late_are_marked() -> None:
    environment = factories.environment(name="<b>otter</b>")
    for minutes in (40, 30, 20, 35, 20.5, 10, 9.9, 10.1):  # minutes ago, as recorded
        changed(environment, f"boom {minutes}", ago=minutes * MINUTE)
    changed(environment, "PHASE_RUNNING", Field.MACHINE, ago=5 * MINUTE)
    text = body(CHANGES)
    rows = [words(row) for row in text.split("<tr>")[1:] if "boom" in row]
    assert [re.findall(r"boom ([\d.]+)", row)[0] for row in rows] == [
        "9.9", "10", "10.1", "20", "20.5", "30", "35", "40",
    ]  # fmt: skip
    assert [" late " in row for row in rows] == [False] * 6 + [True, False]  # less than a minute is none
    assert "&lt;b&gt;otter" in text
    assert "<b>otter" not in text
    assert "machine" not in words(text)


def test_each_change_of_a_batch_recorded_late_is_marked() -> None:
    environment = factories.environment()
    changed(environment, "boom", ago=MINUTE)
    for number in range(60):
        changed(environment, f"late {number:02}", ago=5 * MINUTE)
    assert body(CHANGES, size="100").count("ov-late") == 60


@pytest.mark.parametrize("url", [CHANGES, STARTS])
@pytest.mark.parametrize("pk", [-1, 10**30, uuid4()])
def test_a_cursor_made_by_hand_breaks_no_list_of_numbered_rows(url: str, pk: Any) -> None:
    changed(factories.environment(), "boom")
    started(1)
    sort = "-seen" if url == CHANGES else "-running"
    for side in ("after", "before"):
        body(url, page=Cursor(sort, side, (timezone.now() + DAY).isoformat(), pk).encode())


def test_a_change_leads_to_itself_in_the_timeline() -> None:
    environment = factories.environment()
    row = changed(environment, "boom")
    address = re.findall(rf'href="(/environments/{environment.pk}/timeline/[^"]*)"', body(CHANGES))[0]
    assert f"transition=e{row.pk}#chosen" in address
    assert 'id="chosen"' in factories.client().get(unescape(address)).content.decode()


def test_starts_are_narrowed_by_class_project_kind_and_period() -> None:
    small, web = uuid4(), uuid4()
    started(2, class_id=small)
    started(3, project_id=web, kind="created")
    started(4, kind="", seconds=None, uncertain=None)
    started(5, running_at=timezone.now() - 20 * DAY)

    def count(**query: str) -> int:
        return body(STARTS, size="100", **query).count("transition=e")

    assert count() == 9
    assert count(period="month") == 14
    assert count(**{"class": str(small)}) == 2
    assert count(**{"class": "none"}) == 7
    assert count(project=str(web)) == count(project=str(web), kind="created") == 3
    assert count(project=str(web), kind="started") == 0
    assert count(kind="not-measured") == 4
    assert count(kind="nonsense") == count(period="ever") == count(project="mine") == 0


def test_every_figure_of_starts_leads_to_as_many_rows() -> None:
    started(7, class_id=uuid4(), project_id=uuid4())
    started(5, kind="created")
    started(2, kind="", seconds=None)
    refresh_parts(timezone.now() + MINUTE)
    text = factories.client().get("/").content.decode()
    figures = re.findall(r'<a href="(/overview/starts/[^"]*)">(?:of )?([\d,]+)(?: starts seen)?</a>', text)
    assert len(figures) == 7
    for address, count in figures:
        assert body(unescape(address)).count("transition=e") == int(count), address


def test_the_first_classes_and_projects_by_starts_say_of_how_many() -> None:
    for _ in range(7):
        started(1, class_id=uuid4())
    refresh_parts(timezone.now() + MINUTE)
    text = words(factories.client().get("/").content.decode())
    assert "Of 7 classes and 1 project, those with the most measured starts" in text


def test_running_time_by_day_adds_up_to_the_overviews_figure() -> None:
    now, owner = timezone.now(), uuid4()
    factories.environment(creator_id=owner)
    spent = {0: 3600, 1: 7200, 6: 60, 7: 999}
    for ago, seconds in spent.items():
        for dimension, key in (("owner", str(owner)), ("owner", str(UUID(int=7))), ("observed", "")):
            RunningTime.objects.create(day=(now - ago * DAY).date(), dimension=dimension, key=key, seconds=seconds)
    refresh_parts(now)
    rows = OverviewPart.objects.get(pk="tops").data["owner"]["running time"]
    assert {row["seconds"] for row in rows} == {10860}
    address = re.findall(
        rf'href="(/overview/running-time/\?owner={owner})">', factories.client().get("/").content.decode()
    )[0]
    text = words(body(address))
    assert text.count("1 h ") >= 2
    assert "3 h 1 min in 7 days; observed: 3 h 1 min." in text
    assert text.count("not observed 0 s") == 4
    assert "999" not in text
    assert "6 h 2 min in 7 days; observed: 3 h 1 min." in words(body(RUNNING_TIME))
    assert f"/environments/?owner={owner}" in body(address)


def test_days_on_which_nothing_was_observed_are_not_claimed() -> None:
    assert "Running time was not observed yet" in words(body(RUNNING_TIME))
    assert "No such start was observed in this period." in words(body(STARTS))
    assert "No changes recorded yet" in words(body(CHANGES))
