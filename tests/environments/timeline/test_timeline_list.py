"""The list beneath the picture of a timeline: narrowed, searched, and gone through page by page."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Transition as ServiceTransition
from environments.models import Environment, Field, Phase, SpecificationVersion, Transition
from environments.timeline import list as timeline_list
from environments.timeline.sources import SOURCES
from environments.timeline.views import OWN
from tests.environments.timeline.timelines import MINUTE, changed, known_for, page, service_changed, words
from tests.support import automation_factories, factories, operations
from tests.support.audit_entries import entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def test_the_list_goes_on_page_by_page_with_each_change_once(viewer: Client) -> None:
    environment, now = known_for(timedelta(hours=30)), timezone.now()
    Transition.objects.bulk_create(
        Transition(
            environment=environment, field="phase", old=Phase.RUNNING, new=f"PHASE_{i:03}",
            old_seen_at=now - timedelta(days=1), seen_at=now - timedelta(minutes=i // 2),
        )
        for i in range(230)
    )  # fmt: skip
    made = [
        operations.operation("environment.stop", environment_id=environment.pk, ago=timedelta(minutes=i))
        for i in range(30)
    ]
    address, found, asked = reverse("environments:timeline", args=[environment.pk]) + "?zoom=all", [], []
    while address:
        text = viewer.get(address).content.decode()
        table = text[text.index('id="changes"') :]
        found += re.findall(r"became (PHASE_\d+)</bdi>", table)
        asked += re.findall(r'href="/operations/([0-9a-f-]{36})/"', table)
        older = re.findall(r'href="([^"]+)">Older', table)
        address = reverse("environments:timeline", args=[environment.pk]) + html.unescape(older[0]) if older else ""
    assert sorted(found) == [f"PHASE_{i:03}" for i in range(230)]
    assert sorted(asked) == sorted(str(each.pk) for each in made)


def rows_of_all_pages(client: Client, environment: Environment, **query: str) -> list[str]:
    """The address of each row of the list, page by page, which ends."""
    here = reverse("environments:timeline", args=[environment.pk])
    address, found, pages = f"{here}?{urlencode({'zoom': 'all'} | query)}", [], 0
    while address:
        pages += 1
        assert pages < 50, "it goes round"
        text = client.get(address).content.decode()
        table = text[text.index('id="changes"') :]
        found += [html.unescape(each) for each in re.findall(r'<td>\s*<a href="([^"]+)"><bdi>', table)]
        older = re.findall(r'href="([^"]+)">Older', table)
        address = here + html.unescape(older[0]) if older else ""
    return found


def test_every_source_has_a_letter_of_its_own() -> None:
    letters = [source.letter for source in (*OWN, *SOURCES)]
    assert len(letters) >= 6
    assert len(set(letters)) == len(letters)


def test_changes_of_services_are_paged_through_each_once(viewer: Client) -> None:
    environment = known_for(timedelta(hours=3))
    keys = service_changed(environment, 60)
    found = rows_of_all_pages(viewer, environment)
    assert sorted(re.findall(r"transition=(a\d+)#", "\n".join(found))) == sorted(keys)


def test_rows_of_all_sources_at_the_same_times_are_paged_through_each_once(viewer: Client) -> None:
    environment = known_for(timedelta(hours=3))
    keys = service_changed(environment, 30)
    task = automation_factories.task(environment)
    for at in list(ServiceTransition.objects.values_list("seen_at", flat=True)):
        for _ in range(2):
            Transition.objects.create(environment=environment, field="phase", old="A", new="B", seen_at=at)
            entry(subject_id=environment.pk, at=at)
        number = Transition.objects.count()
        SpecificationVersion.objects.create(environment=environment, spec_version=number, spec={}, seen_at=at)
        operations.operation("environment.stop", environment_id=environment.pk, asked_at=at)
        automation_factories.execution(task, created_at=at)
    found = rows_of_all_pages(viewer, environment)
    assert sorted(re.findall(r"transition=(a\d+)#", "\n".join(found))) == sorted(keys)
    for letter, count in (("e", 60), ("v", 30)):
        assert len(set(re.findall(rf"transition=({letter}\d+)#", "\n".join(found)))) == count
    assert sum("/operations/stream/" in each for each in found) == 60
    assert len(found) == 30 * 8
    assert len(set(found)) == 30 * 6 + 1, "those of Ona's log all lead to one page"


def test_the_list_narrows_to_one_lane(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    changed(environment, Field.MACHINE, "PHASE_STARTING", "PHASE_RUNNING", minutes_ago=31)
    operations.operation("environment.stop", environment_id=environment.pk)

    def listed(lane: str) -> str:
        return words(page(viewer, environment, lane=lane)).split("Happened between", 1)[-1]

    assert "Machine became running" in listed("machine")
    assert "Environment became" not in listed("machine")
    assert "Stop environment requested" in listed("operations")
    assert "became" not in listed("operations")
    assert "Nothing recorded in this lane" in listed("secrets")


def test_the_list_is_searched_for_all_of_some_plain_words(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    changed(environment, Field.FAILURE, "", "No space left", minutes_ago=20)
    operations.operation("environment.stop", environment_id=environment.pk, reason="Too much for the Night")
    operations.operation("environment.stop", environment_id=environment.pk, actor_name="bo")

    def listed(words_: str, **query: str) -> str:
        return words(page(viewer, environment, q=words_, **query)).split("Changes recorded", 1)[-1]

    assert "Failing" in listed("space no")
    assert "became" not in listed("space no")
    assert "Too much for the Night" in listed("NIGHT stop ann")
    assert " bo " not in listed("night")
    assert " bo " in listed("bo")
    assert "Environment became running" in listed("starting")
    assert "Nothing with these words." in listed("night space")
    assert "Nothing with these words." in listed("night", lane="machine")
    text = page(viewer, environment, q="night", lane="operations", zoom="hour")
    for name, value in (("q", "night"), ("lane", "operations"), ("zoom", "hour")):
        assert re.search(rf'name="{name}"\s+value="{value}"', text)
    assert 'href="?zoom=hour&amp;lane=operations#changes">All changes' in text


@pytest.mark.parametrize("searched", [7, 60, 200])
def test_a_search_goes_on_page_by_page_with_each_fitting_row_once(
    viewer: Client, monkeypatch: pytest.MonkeyPatch, searched: int
) -> None:
    monkeypatch.setattr(timeline_list, "MAX_SEARCHED", searched)
    environment = known_for(timedelta(hours=3))
    service_changed(environment, 40)
    wanted, now = [], timezone.now().replace(microsecond=0)
    for number in range(120):
        new, at = f"{'wanted' if number % 2 else 'other'} {number}", now - (number // 4) * MINUTE
        row = Transition.objects.create(environment=environment, field=Field.FAILURE, old="", new=new, seen_at=at)
        wanted += [f"e{row.pk}"] if number % 2 else []
    found = "\n".join(rows_of_all_pages(viewer, environment, q="wanted"))
    assert sorted(re.findall(r"transition=([a-z]\d+)", found)) == sorted(wanted)


def test_a_search_says_how_far_it_has_come(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_list, "MAX_SEARCHED", 5)
    environment = known_for(timedelta(hours=3))
    rows = [changed(environment, Field.FAILURE, "", f"failure {number}", minutes_ago=number) for number in range(1, 9)]
    text = words(page(viewer, environment, q="failure 7", zoom="all"))
    assert "Nothing with these words so far." in text
    assert f"Searched down to {rows[4].seen_at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert "Searched" not in words(page(viewer, environment, q="failure 2", zoom="hour", lane="machine"))


def test_what_has_no_values_before_and_after_has_none_in_the_list(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    operations.operation("environment.stop", environment_id=environment.pk, reason="cost")
    SpecificationVersion.objects.create(environment=environment, spec_version=7, spec={}, seen_at=timezone.now())
    listed = words(page(viewer, environment)).split("Happened between", 1)[1]
    assert "Stop environment requested succeeded ann cost" in listed
    assert "Specification version 7 first seen before the portal first observed it" in listed
    assert "none" not in listed


def test_times_are_written_as_times(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.LOCKDOWN, "2026-03-01T12:00:00.000000Z", "", minutes_ago=5)
    assert "Lockdown cleared 2026-03-01 12:00:00 UTC none" in words(page(viewer, environment))


def test_an_older_page_of_the_list_does_not_change_under_its_reader(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=4)
    before = f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}~e{row.pk + 1}"
    assert 'id="poller"' not in page(viewer, environment, before=before)
