"""The list of executions: what its rows tell, its filters, its search, its places, and how open pages follow."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automations.models import ExecutionPhase, TaskExecution
from portal.directory.models import Member, Project
from tests.support import factories
from tests.support.automation_factories import execution, task

pytestmark = pytest.mark.django_db
LIST = "/automations/"
HTMX = {"HX-Request": "true", "HX-Target": "list"}
HOSTILE = '<img src=x onerror=alert(1)>\u202e"quoted"'


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


@pytest.fixture
def ann() -> Member:
    now = timezone.now()
    return Member.objects.create(id=uuid.uuid4(), name="Ann Lee", first_seen_at=now, seen_at=now)


@pytest.fixture
def shop() -> Project:
    now = timezone.now()
    return Project.objects.create(id=uuid.uuid4(), name="web-shop", first_seen_at=now, seen_at=now)


@pytest.fixture
def runs(ann: Member, shop: Project) -> dict[str, TaskExecution]:
    otter = factories.environment(
        name="quiet-otter", creator_id=ann.pk, owner_name=ann.name, project_id=shop.pk, project_name=shop.name
    )
    heron = factories.environment(name="loud-heron", owner_name="Bo")
    build, seed = task(otter), task(heron, "seed-database")
    failed = {"phase": ExecutionPhase.FAILED, "failure": "exit status 137: out of memory"}
    return {
        "build": execution(build, started_by=str(ann.pk), started_by_name=ann.name),
        "failed": execution(build, ago=timedelta(days=3), took=1200, **failed),
        "running": execution(seed, ago=timedelta(minutes=30), took=None, started_by="postDevcontainerStart"),
        "old": execution(seed, ago=timedelta(days=40), took=5, gone_at=timezone.now()),
    }


def names(runs: dict[str, TaskExecution], answer: Any) -> list[str]:
    known = {run.pk.hex: name for name, run in runs.items()}
    return [known[row["id"]] for row in answer.context["rows"]]


def found(viewer: Client, runs: dict[str, TaskExecution], **query: Any) -> list[str]:
    answer = viewer.get(LIST, query)
    assert not answer.context["problems"], answer.context["problems"]
    return names(runs, answer)


def test_a_row_tells_phase_task_environment_people_times_and_failure(viewer: Client, runs: Any) -> None:
    page = viewer.get(LIST).content.decode()
    for told in ("succeeded", "Build", "quiet-otter", "web-shop", "Ann Lee", "1 min", "exit status 137", "so far",
                 "after devcontainer start", "no longer stored by Ona"):  # fmt: skip
        assert told in page, told
    assert f'href="/automations/executions/{runs["build"].pk}/"' in page
    assert f'href="/environments/{runs["build"].environment_id}/"' in page


def test_executions_that_ona_no_longer_keeps_stay_in_the_list(viewer: Client, runs: Any) -> None:
    assert found(viewer, runs) == ["running", "build", "failed", "old"]


def test_each_filter_leaves_what_it_names(viewer: Client, runs: Any, ann: Member, shop: Project) -> None:
    asked = (
        ({"phase": "failed"}, ["failed"]),
        ({"phase": ["failed", "running"]}, ["running", "failed"]),
        ({"phase": "TASK_EXECUTION_PHASE_RUNNING"}, ["running"]),
        ({"phase": "TASK_EXECUTION_PHASE_DREAMING"}, []),
        ({"reference": "seed-database"}, ["running", "old"]),
        ({"project": str(shop.pk)}, ["build", "failed"]),
        ({"project": "none"}, ["running", "old"]),
        ({"owner": str(ann.pk)}, ["build", "failed"]),
        ({"by": str(ann.pk)}, ["build"]),
        ({"by": "postDevcontainerStart"}, ["running"]),
        ({"environment": str(runs["old"].environment_id)}, ["running", "old"]),
        ({"since": "24h"}, ["running", "build"]),
        ({"since": "7d"}, ["running", "build", "failed"]),
        ({"to": (timezone.now() - timedelta(days=10)).date().isoformat()}, ["old"]),
        ({"from": (timezone.now() - timedelta(days=10)).date().isoformat()}, ["running", "build", "failed"]),
        ({"duration": ">10m"}, ["running", "failed"]),
        ({"duration": "<30s"}, ["old"]),
    )
    assert [(query, found(viewer, runs, **query)) for query, _ in asked] == list(asked)


def test_the_search_box_understands_its_words_and_plain_ones(viewer: Client, runs: Any) -> None:
    asked = {
        "phase:failed": ["failed"],
        "task:build": ["build", "failed"],
        "project:shop owner:ann": ["build", "failed"],
        "env:otter -phase:failed": ["build"],
        "by:ann": ["build"],
        "by:devcontainer": ["running"],
        "created:<7d": ["running", "build", "failed"],
        "duration:>10m": ["running", "failed"],
        "failure:memory": ["failed"],
        "project:none": ["running", "old"],
        "HERON": ["running", "old"],
        "137 otter": ["failed"],
        f"id:{runs['old'].pk.hex[:12]}": ["old"],
    }
    assert {query: found(viewer, runs, q=query) for query in asked} == asked


@pytest.mark.parametrize(
    "query",
    [
        "phase=sleeping", "since=yesterday", "from=soon", "duration=10m", "project=web", "owner=ann", "sort=colour",
        "size=7", "page=nonsense", "q=phase:sleeping", "q=duration:long", "q=created:7", "q=id:zzz",
        "duration=%3E99999w", "environment=%00",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_explained(viewer: Client, runs: Any, query: str) -> None:
    answer = viewer.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    said = "was ignored" if query.split("=")[0] in ("sort", "page", "size") else "so nothing is shown"
    assert said in answer.content.decode() or query.startswith("duration=%3E99999w")


@pytest.mark.parametrize("sort", ["created", "-created", "duration", "-duration", "reference", "-reference", "phase"])
def test_pages_hold_every_row_once_in_either_direction(viewer: Client, sort: str) -> None:
    made = task(factories.environment())
    for number in range(60):
        execution(made, ago=timedelta(minutes=number % 7), took=None if number % 5 == 0 else number % 9)
    seen: list[str] = []
    query = f"?sort={sort}&size=25"
    while query:
        answer = viewer.get(f"{LIST}{query}")
        seen += [row["id"] for row in answer.context["rows"]]
        last, query = answer, answer.context["next_url"]
    assert len(seen) == len(set(seen)) == 60
    back = viewer.get(f"{LIST}{last.context['previous_url']}")
    assert [row["id"] for row in back.context["rows"]] == seen[25:50]


def test_the_shortest_and_the_longest_come_first_when_asked(viewer: Client, runs: Any) -> None:
    assert found(viewer, runs, sort="duration") == ["old", "build", "failed", "running"]
    assert found(viewer, runs, sort="-duration") == ["failed", "build", "old", "running"]


def test_every_condition_is_a_chip_that_can_be_taken_off(viewer: Client, runs: Any, ann: Member) -> None:
    answer = viewer.get(LIST, {"phase": "failed", "owner": ann.pk, "q": "task:build", "since": "7d", "duration": ">1m"})
    chips = {chip.text: chip.url for chip in answer.context["chips"]}
    assert set(chips) == {"failed", "Ann Lee", "task:build", "last 7 days", "over 1 min"}
    assert names(runs, viewer.get(f"{LIST}{chips['failed']}")) == ["failed"]
    assert "phase" not in chips["failed"]


def test_facets_count_what_each_filter_would_leave(viewer: Client, runs: Any, ann: Member) -> None:
    answer = viewer.get(f"{LIST}executions/facets/", {"phase": "failed"})
    counts = {facet.name: {o.label: o.count for o in facet.options} for facet in answer.context["facets"]}
    assert counts["phase"] == {"succeeded": 2, "failed": 1, "running": 1}
    assert counts["reference"] == {"build": 1}
    assert counts["owner"] == {"Ann Lee": 1}
    assert counts["since"]["last 24 h"] == 0
    assert counts["since"]["last 7 days"] == 1
    assert counts["duration"]["over 10 min"] == 1
    assert counts["by"] == {"manual": 1}


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [("reference", "seed", "seed-database"), ("owner", "ann", "Ann Lee"), ("project", "shop", "web-shop"),
     ("by", "devcontainer", "after devcontainer start")],
)  # fmt: skip
def test_values_of_a_facet_are_found_by_name(viewer: Client, runs: Any, name: str, text: str, label: str) -> None:
    answer = viewer.get(f"{LIST}executions/facets/", {"of": name, f"find-{name}": text})
    assert [option.label for option in answer.context["facet"].options] == [label]


def test_open_pages_hear_of_changes_and_of_nothing_else(viewer: Client, runs: Any) -> None:
    url = viewer.get(LIST).context["changes_url"]
    assert viewer.get(url, headers=HTMX).status_code == 204
    TaskExecution.objects.filter(pk=runs["running"].pk).update(
        phase=ExecutionPhase.STOPPED, changed_at=timezone.now() + timedelta(seconds=1)
    )
    answer = viewer.get(url, headers=HTMX)
    assert answer.status_code == 200
    assert "stopped" in answer.content.decode()


def test_nothing_yet_and_nothing_that_matches_are_told_apart(viewer: Client) -> None:
    assert "No executions here yet" in viewer.get(LIST).content.decode()
    execution(task(factories.environment()))
    assert "Nothing matches" in viewer.get(LIST, {"phase": "failed"}).content.decode()


def test_without_scripts_the_filters_are_a_form_with_counts(viewer: Client, runs: Any) -> None:
    page = viewer.get(LIST, {"facets": "yes", "environment": str(runs["old"].environment_id)}).content.decode()
    assert 'name="phase"' in page
    assert f'name="environment" value="{runs["old"].environment_id}"' in page


def test_names_and_failures_from_outside_are_text_and_nothing_else(viewer: Client) -> None:
    environment = factories.environment(name=HOSTILE, owner_name=HOSTILE, project_name=HOSTILE)
    made = task(environment, name=HOSTILE)
    execution(made, failure=HOSTILE * 20, phase=ExecutionPhase.FAILED, started_by=HOSTILE, started_by_name=HOSTILE)
    page = viewer.get(LIST, {"q": "quoted", "facets": "yes"}).content.decode()
    assert "onerror" in page
    assert "<img src=x" not in page
