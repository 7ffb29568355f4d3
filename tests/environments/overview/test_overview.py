"""The overview: every figure, what it is over, and the way to the list behind it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from environments.actions.registry import ACTIONS
from environments.list.list import ENVIRONMENTS
from environments.models import Field, Phase, SyncRun, Transition
from environments.overview.alerts import CONDITIONS
from environments.overview.refresh import refresh_parts
from portal.lists.query import read_query
from tests.support import audits, factories, operations

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HTMX = {"HX-Request": "true"}


def fleet() -> None:
    """One environment at least for each question."""
    now = timezone.now()
    audits.policies(delete=7)
    factories.environment(phase=Phase.RUNNING, failure="boom at 10:00:01", spec_version=3, runner_spec_version=2)
    factories.environment(phase=Phase.STOPPED, archived_at=now - 5 * DAY, unpushed_commits=2, changed_files=0)
    factories.environment(phase=Phase.STOPPED, lockdown_at=now - timedelta(hours=1))
    factories.environment(phase=Phase.RUNNING, lockdown_at=now - timedelta(hours=1), secrets_in_sync=False)
    factories.environment(phase=Phase.RUNNING, lockdown_at=now + timedelta(hours=3), open_to_everyone=True)
    factories.environment(phase=Phase.RUNNING, lockdown_at=now + 3 * DAY, timeout=timedelta(0))
    factories.environment(phase=Phase.RUNNING, last_started_at=now - 3 * DAY, active_at=now - 2 * DAY)
    factories.environment(phase="ENVIRONMENT_PHASE_NEWER")
    factories.environment(phase=Phase.RUNNING, gone_at=now, failure="boom")


def page(**query: str) -> str:
    return factories.client().get(reverse("overview"), query).content.decode()


def links(text: str, start: str) -> dict[str, tuple[int, str]]:
    """Counts and addresses by their words, of links whose id begins so."""
    found = re.findall(rf'<a [^>]*id="{start}-[^"]*"\s+href="([^"]*)">(.*?)</a>', text, re.S)
    read = {}
    for address, inside in found:
        count, *words = re.sub(r"<[^>]+>", " ", inside).split()
        read[" ".join(words)] = (int(count), unescape(address))
    return read


def test_the_environments_are_counted_without_those_gone() -> None:
    fleet()
    refresh_parts(timezone.now())
    assert {words: count for words, (count, _) in links(page(), "figure").items()} == {
        "in all": 8,
        "running": 5,
        "stopped": 2,
        "ENVIRONMENT_PHASE_NEWER": 1,
        "archived": 1,
        "with unpushed work": 1,
        "locked down": 2,
        "not in sync": 2,
    }


def test_what_needs_attention_is_ranked() -> None:
    fleet()
    refresh_parts(timezone.now())
    assert [(words, count) for words, (count, _) in links(page(), "attention").items()] == [
        ("failing now", 1),
        ("locked down and still running", 1),
        ("to be deleted within 3 days with unpushed work", 1),
        ("with a port exposed to everyone now", 1),
        ("locking down within 24 hours", 1),
        ("not acknowledged by their runner", 1),
        ("running with secrets not in sync", 1),
        ("running without use for more than a day", 1),
        ("to be deleted within 7 days with unpushed work", 1),
        ("running that never stop", 1),
        ("locking down within 7 days", 2),
    ]


@pytest.mark.parametrize("kind", ["figure", "attention", "failure"])
def test_every_count_leads_to_the_list_of_what_it_counts(kind: str) -> None:
    fleet()
    refresh_parts(timezone.now())
    found = links(page(), kind)
    assert found
    for words, (count, address) in found.items():
        parts = urlsplit(address)
        assert parts.path == reverse("environments:list")
        state = read_query(ENVIRONMENTS, QueryDict(parts.query))
        assert state.problems == (), words
        assert state.rows().count() == count, words
        assert parse_qs(parts.query).keys() <= {"q", "failure"}


def test_every_project_runner_and_class_that_failures_hit_leads_to_just_those() -> None:
    web, web_app, small, other = (uuid4() for _ in range(4))
    columns = {"failure": "exit status 1", "runner_name": "aws", "runner_id": uuid4()}
    factories.environment(**columns, project_id=web, project_name="web", class_id=small, class_name="Small")
    factories.environment(**columns, project_id=web_app, project_name="web-app", class_id=other, class_name="Small")
    factories.environment(**columns)
    factories.environment(failure="image not found", project_id=web, project_name="web")
    refresh_parts(timezone.now())
    found = re.findall(r'<a href="([^"]*)"><bdi>([^<]*)</bdi> (\d+)</a>', page())
    assert {(name, int(count)) for _, name, count in found} == {
        ("web", 1), ("web-app", 1), ("none", 1), ("aws", 3), ("Small", 2)
    }  # fmt: skip
    for address, name, count in found:
        state = read_query(ENVIRONMENTS, QueryDict(urlsplit(unescape(address)).query))
        assert state.problems == ()
        assert state.rows().count() == int(count), name


def test_the_first_of_many_say_of_how_many() -> None:
    for _ in range(9):
        factories.environment(creator_id=uuid4(), project_id=uuid4())
    refresh_parts(timezone.now())
    words = text_of(page())
    for said in ("Owner 9 in all", "Project 9 in all", "Class 1 in all"):
        assert said in words


def test_every_other_link_to_the_list_is_understood() -> None:
    fleet()
    refresh_parts(timezone.now())
    for by in ("phase", "project", "class"):
        for address in re.findall(r'href="(/environments/\?[^"]*)"', page(by=by)):
            assert read_query(ENVIRONMENTS, QueryDict(urlsplit(unescape(address)).query)).problems == ()


def test_what_nothing_is_wrong_with_is_named_in_one_line() -> None:
    factories.environment(phase=Phase.STOPPED)
    refresh_parts(timezone.now())
    text = page()
    assert "Nothing needs attention." in text
    assert "No environment is failing." in text
    assert len(re.findall(r'None: <a href="[^"]*is%3Afailing">failing now', " ".join(text.split()))) == 1


def test_before_the_first_sweep_it_says_so() -> None:
    text = page()
    assert "The first sync has not completed yet" in text
    assert "Not observed yet. The chart begins with the first sync." in text


def test_what_was_swept_before_there_was_anything_to_keep_is_told() -> None:
    now = timezone.now()
    SyncRun.objects.create(kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=now)
    assert "The figures appear after the next sync." in page()


def test_an_empty_organization_is_told_apart_from_one_not_read() -> None:
    refresh_parts(timezone.now())
    assert "Ona returned none in the last sync." in page()


def test_changes_are_told_against_yesterday_and_last_week() -> None:
    now = timezone.now()
    first = factories.environment()
    refresh_parts(now - 7 * DAY)
    factories.environment()
    factories.environment()
    refresh_parts(now - DAY)
    first.gone_at = now
    first.save(update_fields=["gone_at"])
    refresh_parts(now)
    words = text_of(page())
    assert "2 in all 1 d since yesterday: −1 7 d since last week: +1" in words


def test_a_change_since_a_day_without_a_sync_is_not_told() -> None:
    factories.environment()
    refresh_parts(timezone.now())
    words = text_of(page())
    assert "1 in all" in words
    assert "since yesterday" not in words
    assert "since last week" not in words


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_it_costs_the_same_number_of_queries_whatever_there_is() -> None:
    client, counts = factories.client(), []
    refresh_parts(timezone.now() - timedelta(hours=1))
    for fill in (fleet, list):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("overview")).status_code == 200
        counts.append(len(queries))
        fill()
        refresh_parts(timezone.now(), everything=True)
    assert counts[0] == counts[1] <= 16


@pytest.mark.parametrize(
    "query", [{"period": "decade"}, {"by": "<script>"}, {"top": ""}, {"period": "day", "by": "class"}]
)
def test_any_choice_makes_a_page(query: dict[str, str]) -> None:
    fleet()
    refresh_parts(timezone.now())
    text = page(**query)
    assert 'id="running"' in text
    assert "<script>alert" not in text


def poll_of(text: str) -> str:
    return unescape(re.findall(r'id="poll"\s+hx-get="([^"]*)"', text)[0])


def parts_of(answer: Any) -> set[str]:
    """The parts of the page that news holds."""
    found = re.findall(r'id="(live-part|look-back|freshness|fresh)"', answer.content.decode())
    assert len(found) == len(set(found))
    return set(found)


def sent_along(text: str) -> str:
    """What the poll adds of the part that looks back, as htmx does."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text[text.index('id="look-back"') :])
    return urlencode(found)


def opened(client: Client, url: str = "/") -> str:
    """The address that an open page asks for news."""
    text = client.get(url).content.decode()
    return f"{poll_of(text)}&{sent_along(text)}"


def swept(at: datetime, **columns: Any) -> None:
    state = {"state": SyncRun.State.SUCCEEDED, "finished_at": at} | columns
    SyncRun.objects.create(kind=SyncRun.Kind.ENVIRONMENTS, started_at=at, **state)


def test_an_open_page_is_told_of_the_next_sweep_and_of_nothing_else() -> None:
    fleet()
    refresh_parts(timezone.now() - timedelta(minutes=1))
    client = factories.client()
    poll = opened(client)
    assert client.get(poll, headers=HTMX).status_code == 204
    refresh_parts(timezone.now())
    answer = client.get(poll, headers=HTMX)
    assert answer.status_code == 200
    assert parts_of(answer) == {"live-part", "look-back"}, "the chart ends with the counts above it"


@pytest.mark.parametrize("asked", ["period=week&by=phase&top=environments", "period=month&by=class&top=running+time"])
def test_an_open_page_is_told_of_what_looks_back_once_it_was_kept_anew(asked: str) -> None:
    fleet()
    refresh_parts(timezone.now() - timedelta(minutes=10))
    client = factories.client()
    poll = opened(client, f"/?{asked}")
    refresh_parts(timezone.now(), everything=True)
    answer = client.get(poll, headers=HTMX)
    assert parts_of(answer) == {"live-part", "look-back"}
    text = answer.content.decode()
    assert sent_along(text).startswith(f"{asked}&looked="), "as it was chosen"
    assert client.get(f"{poll_of(text)}&{sent_along(text)}", headers=HTMX).status_code == 204


def test_an_open_page_is_told_when_sweeps_come_late_though_nothing_else_changes() -> None:
    now = timezone.now()
    swept(now)
    refresh_parts(now)
    client = factories.client()
    poll = opened(client)
    assert client.get(poll, headers=HTMX).status_code == 204
    SyncRun.objects.update(started_at=now - timedelta(hours=1))
    answer = client.get(poll, headers=HTMX)
    assert parts_of(answer) == {"freshness", "fresh"}
    assert ">late</span>" in answer.content.decode()
    swept(now, state=SyncRun.State.FAILED, error_code="unavailable")
    text = client.get(poll_of(answer.content.decode()) + "&" + poll.partition("&")[2], headers=HTMX).content.decode()
    assert "unavailable" in text


def test_asking_for_news_reads_none_of_the_parts() -> None:
    refresh_parts(timezone.now())
    client = factories.client()
    poll = opened(client)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(poll, headers=HTMX).status_code == 204
    assert not [query for query in queries if '"data"' in query["sql"]]
    assert len(queries) <= 6


def test_a_choice_swaps_what_looks_back() -> None:
    refresh_parts(timezone.now())
    text = factories.client().get("/?period=month", headers=HTMX).content.decode()
    assert text.lstrip().startswith('<div id="look-back"')


def test_the_latest_changes_and_operations_lead_to_what_they_are_about() -> None:
    made = factories.environment(name="<b>otter</b>")
    seen_at = timezone.now()
    change(made.pk, Field.FAILURE, "", "boom", seen_at)
    change(made.pk, Field.MACHINE, "PHASE_CREATING", "PHASE_RUNNING", seen_at)
    asked = operations.operation(target_id=made.pk, environment_id=made.pk, target_name="<i>otter</i>")
    text = page()
    assert f'href="{reverse("environments:detail", args=[made.pk])}"' in text
    change_url = re.findall(rf'href="({reverse("environments:timeline", args=[made.pk])}[^"]*)">failing', text)[0]
    assert "boom" in factories.client().get(unescape(change_url)).content.decode()
    assert 'href="/overview/changes/"' in text
    assert f'href="/operations/{asked.pk}/"' in text
    assert "&lt;b&gt;otter" in text
    assert "<i>otter" not in text
    assert "machine became" not in text


def change(environment: Any, field: str, old: str, new: str, seen_at: datetime) -> None:
    Transition.objects.create(environment_id=environment, field=field, old=old, new=new, seen_at=seen_at)


def test_a_hostile_failure_has_no_effect() -> None:
    factories.environment(failure='<script>alert("boom")</script> in container')
    refresh_parts(timezone.now())
    text = page()
    assert "<script>alert" not in text
    assert all(count == 1 for count, _ in links(text, "failure").values())


def test_people_without_a_role_are_refused() -> None:
    assert factories.client("").get(reverse("overview")).status_code == 403


def test_each_finding_offers_its_remedy_to_those_who_may() -> None:
    factories.environment(phase=Phase.RUNNING, shared_ports=[8080], open_to_everyone=True)
    refresh_parts(timezone.now(), everything=True)
    plan = "/operations/batches/new/?action=environment.edit_port_limits&amp;q=is%3Aopen"
    admin, viewer = factories.client("Admin"), factories.client("Viewer")
    assert plan in admin.get("/").content.decode()
    assert plan not in viewer.get("/").content.decode()
    asked = admin.get(plan.replace("&amp;", "&"))
    assert "Limit ports of 1 environment" in " ".join(strip_tags(asked.content.decode()).split())
    assert all(each.remedy in ACTIONS for each in CONDITIONS.values() if each.remedy)
    now = timezone.now()
    SyncRun.objects.create(
        kind=SyncRun.Kind.ENVIRONMENTS, state="failed", error_code="unauthenticated", started_at=now, finished_at=now
    )
    assert plan not in admin.get("/").content.decode(), "with a token that Ona rejects"
