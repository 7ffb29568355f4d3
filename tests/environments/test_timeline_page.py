"""The Timeline tab of an environment's page."""

from __future__ import annotations

import html
import re
import uuid
from datetime import datetime, timedelta
from types import ModuleType
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations import timeline
from automations.models import Service, ServicePhase
from automations.models import Transition as ServiceTransition
from environments.models import Environment, Field, Phase, Sighting, SpecificationVersion, SyncRun, Transition
from environments.timeline import asked_for, listing, outside, versions
from environments.timeline.sources import SOURCES
from environments.timeline.transitions import STATES
from environments.views.timeline import OWN
from tests import automation_factories, factories, operations
from tests.audit_entries import entry
from tests.environments.timelines import MINUTE, bars, changed, known_for, labels, page, words

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def test_states_are_bars_from_one_change_to_the_next_with_how_sure_their_beginning_is(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), phase=Phase.RUNNING)
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    first, second = bars(page(viewer, environment), "Environment")
    assert first.startswith("Environment: starting from ")
    assert second.startswith("Environment: running from ")
    assert "It began at some time after " in second
    assert ", as far as it was seen. It began" in second
    assert "as far as" not in first


def test_every_component_has_a_lane_whatever_is_known_of_it(viewer: Client) -> None:
    text = words(page(viewer, known_for(timedelta(minutes=10))))
    for lane in ("Environment", "Machine", "Content", "Devcontainer", "Automations file", "Secrets", "Specification"):
        assert f" {lane} " in text


def test_what_was_not_observed_is_told_and_covered_by_no_bar(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    outage = environment.first_seen_at + 20 * MINUTE, environment.first_seen_at + 35 * MINUTE
    SyncRun.objects.filter(started_at__gt=outage[0], started_at__lt=outage[1]).delete()
    text = page(viewer, environment)
    assert "no sweep ended well" in words(text)
    assert "before the portal first saw it" in words(text)
    assert len(bars(text, "Environment")) == 2
    for bar in text.split("<tr>")[1:]:
        times = [datetime.fromisoformat(moment) for moment in re.findall(r'datetime="([^"]+)"', bar)]
        if "<td><bdi>Environment</bdi></td>" in bar:
            assert times[2] <= outage[0] + MINUTE or times[0] >= outage[1] - MINUTE


def test_without_any_sweep_nothing_is_claimed(viewer: Client) -> None:
    environment = factories.environment(first_seen_at=timezone.now() - timedelta(minutes=40))
    text = page(viewer, environment)
    assert bars(text, "Environment") == []
    assert "no sweep ended well" in words(text)


def test_secrets_are_in_sync_or_not_or_unknown_in_words(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), secrets_in_sync=True)
    changed(environment, Field.SECRETS, "", "false", minutes_ago=30)
    changed(environment, Field.SECRETS, "false", "true", minutes_ago=10)
    text = page(viewer, environment)
    states = [label.split(" from ")[0] for label in bars(text, "Secrets")]
    assert states == ["Secrets: unknown", "Secrets: not in sync", "Secrets: in sync"]
    assert "Secrets became in sync not in sync in sync" in words(text)


def test_failures_archiving_lockdown_versions_and_operations_are_marks(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    told = (timezone.now() - timedelta(minutes=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed(environment, Field.FAILURE, "", "no space left", minutes_ago=40)
    changed(environment, Field.ARCHIVED, "", told, minutes_ago=10)
    changed(environment, Field.LOCKDOWN, "2026-03-01T12:00:00.000000Z", "", minutes_ago=20)
    SpecificationVersion.objects.create(
        environment=environment, spec_version=7, spec={}, seen_at=timezone.now() - 30 * MINUTE
    )
    made = operations.operation("environment.stop", environment_id=environment.pk, reason="nobody uses it")
    text = page(viewer, environment)
    named = "\n".join(labels(text))
    assert "Failing: no space left, after " in named
    assert f"Archived, {told[:10]} {told[11:19]}" in named
    assert "Lockdown cleared, after " in named
    assert "Specification version 7, " in named
    assert "Stop environment, asked for by ann: succeeded, " in named
    assert f'href="{reverse("operations:detail", args=[made.pk])}"' in text


@pytest.mark.parametrize("is_unarchived", [False, True])
def test_an_archiving_before_the_first_sight_is_a_mark_that_says_so(viewer: Client, is_unarchived: bool) -> None:
    now = timezone.now()
    told = now - 55 * MINUTE
    columns = {"created_at": now - timedelta(hours=2), "archived_at": None if is_unarchived else told}
    environment = known_for(timedelta(minutes=50), **columns)
    if is_unarchived:
        changed(environment, Field.ARCHIVED, f"{told:%Y-%m-%dT%H:%M:%S.%fZ}", "", minutes_ago=20)
    for zoom in ("hour", "day"):
        archived = [each for each in labels(page(viewer, environment, zoom=zoom)) if "Archived" in each]
        assert archived == [f"Archived before the portal first saw it, by what Ona says, {told:%Y-%m-%d %H:%M:%S}"]


def test_an_archiving_that_was_seen_is_marked_once(viewer: Client) -> None:
    told = timezone.now() - 11 * MINUTE
    environment = known_for(timedelta(minutes=50), archived_at=told)
    changed(environment, Field.ARCHIVED, "", f"{told:%Y-%m-%dT%H:%M:%S.%fZ}", minutes_ago=10)
    assert sum(each.count("rchived") for each in labels(page(viewer, environment, zoom="hour"))) == 1


def test_a_bar_leads_to_what_changed_field_by_field_and_to_what_was_asked_for_shortly_before(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), phase=Phase.STOPPED, machine_phase="PHASE_STOPPED")
    changed(environment, Field.MACHINE, "PHASE_RUNNING", "PHASE_STOPPED", minutes_ago=4)
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=3)
    together = Transition.objects.create(
        environment=environment, field=Field.FAILURE, old="", new="out of memory", seen_at=row.seen_at,
        old_seen_at=row.old_seen_at,
    )  # fmt: skip
    operations.operation("environment.stop", environment_id=environment.pk, reason="cost")
    text = page(viewer, environment)
    address = re.search(rf'href="([^"]*transition=e{row.pk}#chosen)"', text)
    assert address
    chosen = words(
        viewer.get(reverse("environments:timeline", args=[environment.pk]) + html.unescape(address[1])).content.decode()
    )
    assert "Environment became stopped" in chosen
    assert "phase changed ENVIRONMENT_PHASE_RUNNING ENVIRONMENT_PHASE_STOPPED" in chosen
    assert "failure added absent out of memory" in chosen
    assert "machine unchanged PHASE_STOPPED PHASE_STOPPED" in chosen
    assert "Stop environment , ann" in chosen
    assert words(page(viewer, environment, transition=f"e{together.pk}")).count("out of memory") >= 2


def versions_of(environment: Environment, *minutes_ago: int) -> list[SpecificationVersion]:
    """Version 1, seen at the first look, and later ones, seen so many minutes ago; each with other ports."""
    now = timezone.now()
    moments = [environment.first_seen_at, *(now - minutes * MINUTE for minutes in minutes_ago)]
    return [
        SpecificationVersion.objects.create(
            environment=environment, spec_version=number, seen_at=at, old_seen_at=at - MINUTE if number > 1 else None,
            spec={"specVersion": str(number), "admission": "ADMISSION_LEVEL_OWNER_ONLY", "ports": [{"port": number}]},
        )
        for number, at in enumerate(moments, 1)
    ]  # fmt: skip


def chosen_in(text: str) -> str:
    return words(text).split(" Close ", 1)[1].split("Changes seen", 1)[0]


def test_a_bar_shows_the_specification_before_and_after_it_field_by_field(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    versions_of(environment, 30)
    SpecificationVersion.objects.create(
        environment=environment, spec_version=3, spec={"specVersion": "3", "ports": [{"port": 9}]}, seen_at=row.seen_at,
        old_seen_at=row.old_seen_at,
    )  # fmt: skip
    text = page(viewer, environment, transition=f"e{row.pk}")
    chosen = chosen_in(text)
    assert "Specification version 2 before, version 3 after" in chosen
    assert "spec.admission removed ADMISSION_LEVEL_OWNER_ONLY absent" in chosen
    assert "spec.ports[2].port removed 2 absent" in chosen
    assert "spec.ports[9].port added absent 9" in chosen
    assert "specVersion" not in chosen
    assert f'{reverse("environments:specification", args=[environment.pk])}?from=2&amp;to=3"' in text
    assert "What else Ona's status and metadata said then is not kept." in chosen


def test_a_bar_without_a_new_version_shows_the_one_that_held_then_and_leads_to_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    _, second, _ = versions_of(environment, 30, 10)
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    text = page(viewer, environment, transition=f"e{row.pk}")
    assert "Specification version 2, before and after" in chosen_in(text)
    assert "spec.ports[2].port unchanged 2 2" in chosen_in(text)
    assert f"transition=v{second.pk}#chosen" in text


def test_a_bar_of_the_time_before_versions_were_kept_says_so(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    chosen = chosen_in(page(viewer, environment, transition=f"e{row.pk}"))
    assert "No version of it was seen by then" in chosen
    assert "spec." not in chosen
    SpecificationVersion.objects.create(environment=environment, spec_version=7, spec={"a": "b"}, seen_at=row.seen_at)
    chosen = chosen_in(page(viewer, environment, transition=f"e{row.pk}"))
    assert "Specification version 7, the first that was seen" in chosen
    assert "spec.a" not in chosen, "it is not known to have come then"


@pytest.mark.parametrize(
    ("lane", "title"),
    [("Environment", "Environment as first seen: stopped"), ("Secrets", "Secrets as first seen: in sync")],
)
def test_what_was_seen_first_is_opened_too_and_shows_everything_seen_then(
    viewer: Client, lane: str, title: str
) -> None:
    environment = known_for(timedelta(minutes=50), phase=Phase.RUNNING, secrets_in_sync=True)
    versions_of(environment, 30)
    changed(environment, Field.PHASE, Phase.STOPPED, Phase.RUNNING, minutes_ago=20)
    text = page(viewer, environment)
    address = re.search(rf'id="bar-e{lane.lower()}-\d+" class="tl-link" href="([^"]+)"', text)
    assert address
    text = viewer.get(
        reverse("environments:timeline", args=[environment.pk]) + html.unescape(address[1])
    ).content.decode()
    chosen = chosen_in(text)
    assert title in words(text)
    assert "; nothing was seen before it. When it began is not known." in chosen
    assert f"phase {Phase.STOPPED} " in chosen
    assert "secrets true " in chosen
    assert "spec.ports[1].port 1 " in chosen
    assert "Specification version 1 " in chosen
    assert "The specification then: 2 fields" in chosen
    assert "added" not in chosen
    assert text.count('aria-current="true"><title>') == 1, "one bar of all that began with it"


def test_every_state_of_an_environment_that_never_changed_can_be_opened(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), created_at=None, last_started_at=None, active_at=None)
    automation_factories.service(environment, first_seen_at=environment.first_seen_at)
    text = page(viewer, environment)
    assert len(set(re.findall(r'id="(bar-[^"]+)" class="tl-link"', text))) == len(STATES) + 1
    assert '<g role="img"' not in text


def test_the_first_state_of_a_service_shows_what_was_seen_then(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    service_changed(environment, 3)
    service = Service.objects.get()
    text = page(viewer, environment, transition=f"a{service.pk}")
    assert "Service Web as first seen: running" in words(text)
    assert f"phase {ServicePhase.RUNNING} " in chosen_in(text)
    other = known_for(timedelta(minutes=50))
    assert "as first seen" not in words(page(viewer, other, transition=f"a{service.pk}"))


def test_the_first_version_shows_the_whole_of_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    (first,) = versions_of(environment)
    chosen = chosen_in(page(viewer, environment, transition=f"v{first.pk}"))
    assert "Specification version 1, the first that was seen" in words(
        page(viewer, environment, transition=f"v{first.pk}")
    )
    assert "admission ADMISSION_LEVEL_OWNER_ONLY" in chosen


def test_a_version_leads_to_its_difference_from_the_one_before(viewer: Client) -> None:
    environment, now = known_for(timedelta(minutes=50)), timezone.now()
    for number, minutes in ((1, 40), (2, 20)):
        SpecificationVersion.objects.create(
            environment=environment, spec_version=number, spec={"timeout": {"disconnected": f"{number * 1800}s"}},
            seen_at=now - minutes * MINUTE, old_seen_at=now - (minutes + 1) * MINUTE,
        )  # fmt: skip
    newest = SpecificationVersion.objects.get(spec_version=2)
    text = words(page(viewer, environment, transition=f"v{newest.pk}"))
    assert "Specification version 2, held against version 1" in text
    assert "timeout.disconnected changed 1800s" in text
    assert "Made outside the portal" in text


def test_periods_are_chosen_by_links_that_lead_earlier_and_later(viewer: Client) -> None:
    environment = known_for(timedelta(hours=5))
    text = page(viewer, environment, zoom="hour")
    assert re.search(r'aria-current="true">Hour<', text)
    (earlier,) = re.findall(r'rel="prev"\s+href="([^"]+)"', text)
    assert 'rel="next"' not in text
    back = viewer.get(reverse("environments:timeline", args=[environment.pk]) + html.unescape(earlier)).content.decode()
    (later,) = re.findall(r'rel="next"\s+href="([^"]+)"', back)
    assert "to=" not in later, "the newest period goes on with time"
    everything = page(viewer, environment, zoom="all")
    assert 'rel="prev"' not in everything
    assert 'rel="next"' not in everything


def test_the_period_at_first_is_the_narrowest_that_shows_all_that_was_seen(viewer: Client) -> None:
    long_ago, now = timezone.now() - timedelta(days=90), timezone.now()
    for seen_for, zoom in ((timedelta(minutes=20), "Hour"), (timedelta(hours=3), "Day"), (timedelta(days=30), "Week")):
        environment = factories.environment(first_seen_at=now - seen_for, created_at=long_ago)
        assert re.search(rf'aria-current="true">{zoom}<', page(viewer, environment))
        new = factories.environment(first_seen_at=now - seen_for, created_at=now - seen_for - MINUTE)
        assert re.search(rf'aria-current="true">{zoom if zoom == "Week" else "All"}<', page(viewer, new))


@pytest.mark.parametrize(
    "query",
    [
        "zoom=century&to=never&lane=x&transition=&before=~",
        "zoom=hour&to=0001-01-01T00:00:00Z",
        "zoom=week&to=9999-12-31T23:59:59Z",
        "transition=e99999999999999999999&before=2026-01-01T00:00:00Z~e1",
        "transition=zzz&before=2026-01-01T00:00:00Z~o1",
        "transition=a5&before=2026-01-01T00:00:00Z~e018f3c5a-0000-4000-8000-000000000001",
        "transition=%00&lane=%00&before=%00",
    ],
)
def test_a_hand_edited_address_shows_something_sensible(viewer: Client, query: str) -> None:
    environment = known_for(timedelta(minutes=5))
    address = reverse("environments:timeline", args=[environment.pk])
    assert viewer.get(f"{address}?{query}").status_code == 200
    assert viewer.get(f"{address}?{query}", headers=HTMX).status_code == 200


@pytest.mark.parametrize("created_at", ["0001-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", None])
def test_an_odd_time_of_creation_breaks_nothing(viewer: Client, created_at: str | None) -> None:
    environment = known_for(timedelta(minutes=5), created_at=created_at and datetime.fromisoformat(created_at))
    for zoom in ("hour", "week", "all"):
        assert "Environment" in page(viewer, environment, zoom=zoom)


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


def service_changed(environment: Environment, count: int) -> list[str]:
    """So many changes of a service, one a minute; the keys of their rows."""
    service = automation_factories.service(environment, first_seen_at=environment.first_seen_at)
    now = timezone.now().replace(microsecond=0)
    made = ServiceTransition.objects.bulk_create(
        ServiceTransition(
            kind="service", subject_id=service.pk, environment_id=environment.pk, field="phase",
            old=ServicePhase.RUNNING, new=ServicePhase.STOPPED,
            old_seen_at=now - (number + 1) * MINUTE, seen_at=now - number * MINUTE,
        )
        for number in range(count)
    )  # fmt: skip
    return [f"a{each.pk}" for each in made]


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


def test_a_bar_of_a_service_opens_what_changed_with_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    (key,) = service_changed(environment, 1)
    text = page(viewer, environment, zoom="hour")
    assert f"transition={key}#chosen" in text
    chosen = words(page(viewer, environment, transition=key))
    assert "Service Web became stopped" in chosen
    assert f"phase changed {ServicePhase.RUNNING} {ServicePhase.STOPPED}" in chosen


def test_the_list_narrows_to_one_lane(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    changed(environment, Field.MACHINE, "PHASE_STARTING", "PHASE_RUNNING", minutes_ago=31)
    operations.operation("environment.stop", environment_id=environment.pk)

    def listed(lane: str) -> str:
        return words(page(viewer, environment, lane=lane)).split("Happened between", 1)[-1]

    assert "Machine became running" in listed("machine")
    assert "Environment became" not in listed("machine")
    assert "Stop environment asked for" in listed("operations")
    assert "became" not in listed("operations")
    assert "Nothing of this lane was seen" in listed("secrets")


def test_the_list_is_searched_for_all_of_some_plain_words(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    changed(environment, Field.FAILURE, "", "No space left", minutes_ago=20)
    operations.operation("environment.stop", environment_id=environment.pk, reason="Too much for the Night")
    operations.operation("environment.stop", environment_id=environment.pk, actor_name="bo")

    def listed(words_: str, **query: str) -> str:
        return words(page(viewer, environment, q=words_, **query)).split("Changes seen", 1)[-1]

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
    monkeypatch.setattr(listing, "SEARCHED", searched)
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
    monkeypatch.setattr(listing, "SEARCHED", 5)
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
    assert "Stop environment asked for succeeded ann cost" in listed
    assert "Specification version 7 first seen before the portal first saw it" in listed
    assert "none" not in listed


def test_the_label_of_a_bar_stands_where_no_mark_hides_it(viewer: Client) -> None:
    unmarked = {"created_at": None, "last_started_at": None, "active_at": None}
    environment = known_for(timedelta(minutes=50), phase=Phase.RUNNING, **unmarked)
    now, text = timezone.now(), page(viewer, environment, zoom="hour")
    assert re.search(r'x="6" y="19">running<', text)
    Environment.objects.filter(pk=environment.pk).update(last_started_at=now - 49 * MINUTE, active_at=now - 20 * MINUTE)
    text = page(viewer, environment, zoom="hour")
    assert re.search(r'text-anchor="end" y="19">running<', text)
    Environment.objects.filter(pk=environment.pk).update(active_at=now - MINUTE)
    lane = page(viewer, environment, zoom="hour").split('id="lane-2"')[0]
    assert ">running<" not in lane[lane.index('id="lane-1"') :]


def test_what_is_too_narrow_is_drawn_together_and_a_short_failure_colours_none_of_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), devcontainer_phase="PHASE_RUNNING")
    changed(environment, Field.DEVCONTAINER, "PHASE_RUNNING", "PHASE_FAILED", minutes_ago=30)
    changed(environment, Field.DEVCONTAINER, "PHASE_FAILED", "PHASE_RUNNING", minutes_ago=28)
    text = page(viewer, environment, zoom="week")
    (together,) = bars(text, "Devcontainer")
    assert together.startswith("Devcontainer: 3 states, a failure among them, from ")
    assert "tl-bar tl-mixed" in text
    assert "tl-bar tl-red" not in text


def test_times_are_written_as_times(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.LOCKDOWN, "2026-03-01T12:00:00.000000Z", "", minutes_ago=5)
    assert "Lockdown cleared 2026-03-01 12:00:00 UTC none" in words(page(viewer, environment))


def test_an_environment_that_is_gone_is_shown_up_to_its_end(viewer: Client) -> None:
    environment = known_for(timedelta(days=1))
    now = timezone.now()
    gone_at = now - timedelta(hours=10)
    Environment.objects.filter(pk=environment.pk).update(gone_at=gone_at)
    Sighting.objects.update(seen_at=gone_at - MINUTE)
    Transition.objects.create(
        environment=environment, field="gone_at", old="", new=gone_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        old_seen_at=gone_at - MINUTE, seen_at=gone_at,
    )  # fmt: skip
    text = page(viewer, environment, zoom="hour")
    assert "gone at Ona" in words(text)
    assert len(bars(text, "Environment")) == 1
    assert any(label.startswith("Gone, after") for label in labels(text))


def test_services_and_executions_have_lanes_of_their_own(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    since = {"first_seen_at": environment.first_seen_at}
    automation_factories.service(environment, **since)
    task = automation_factories.task(environment, **since)
    failed = automation_factories.execution(task, ago=20 * MINUTE, took=300, phase="TASK_EXECUTION_PHASE_FAILED")
    automation_factories.execution(task, ago=18 * MINUTE, took=None)
    text = page(viewer, environment)
    assert len(bars(text, "Service Web")) == 1
    runs = bars(text, "Task Build")
    assert len(runs) == 2, "two that overlap, each in a lane"
    assert words(text).count("Task Build") >= 2
    assert any(label.startswith("Execution of Build failed, ") for label in labels(text))
    assert f'href="{reverse("automations:execution", args=[failed.pk])}"' in text
    assert "Execution of Build" in words(page(viewer, environment, lane="executions"))


@pytest.mark.parametrize(
    ("module", "limit", "said"),
    [
        (asked_for, "MOST_MARKS", "Only the newest 2 operations of the period are drawn."),
        (outside, "MOST_MARKS", "Only the newest 2 entries of Ona's audit log in the period are drawn."),
        (versions, "MOST_MARKS", "Only the highest 2 versions of the period are drawn."),
        (timeline, "MOST_SERVICES", "Only the first 2 services are drawn."),
        (timeline, "MOST_EXECUTIONS", "Only the newest 2 executions of the period are drawn."),
        (timeline, "MOST_TASKS", "1 execution is not drawn: there is room for 2 lanes of tasks."),
    ],
)
def test_what_is_left_out_of_the_picture_is_said_beneath_it(
    viewer: Client, monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str, said: str
) -> None:
    environment = known_for(timedelta(minutes=50))
    versions_of(environment, 20, 10)
    for number in range(3):
        entry(subject_id=environment.pk)
        operations.operation("environment.stop", environment_id=environment.pk)
        automation_factories.service(environment, f"service-{number}", first_seen_at=environment.first_seen_at)
        automation_factories.execution(automation_factories.task(environment, f"task-{number}"), ago=20 * MINUTE)
    assert "drawn" not in words(page(viewer, environment, zoom="hour"))
    monkeypatch.setattr(module, limit, 2)
    text = words(page(viewer, environment, zoom="hour"))
    assert text.count("drawn") == 1
    assert said in text


def test_more_tasks_at_once_than_there_is_room_for_are_counted(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    for number in range(23):
        automation_factories.execution(automation_factories.task(environment, f"task-{number}"), ago=20 * MINUTE)
    assert "3 executions are not drawn: there is room for 20 lanes of tasks." in words(page(viewer, environment))


def test_who_may_not_see_operations_or_automations_sees_the_rest() -> None:
    environment = known_for(timedelta(minutes=50))
    automation_factories.service(environment, first_seen_at=environment.first_seen_at)
    operations.operation("environment.stop", environment_id=environment.pk, reason="confidential")
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=4)
    user = factories.user()
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="environments", codename__in=["view_environment", "view_transition"]
        )
    )
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    row = Transition.objects.get()
    text = words(page(client, environment, transition=f"e{row.pk}"))
    assert "Environment became running" in text
    versions_of(environment)
    assert "spec." not in words(page(client, environment, transition=f"e{row.pk}"))
    for hidden in ("confidential", "Stop environment", "Service Web", "Specification version"):
        assert hidden not in text
    assert client.get(reverse("environments:specification", args=[environment.pk])).status_code == 403


def test_hostile_texts_are_texts(viewer: Client) -> None:
    markup = '<script>alert(1)</script>"onload=x'
    environment = known_for(timedelta(minutes=50), name=markup, phase=markup)
    row = changed(environment, Field.PHASE, Phase.RUNNING, markup, minutes_ago=9)
    changed(environment, Field.FAILURE, "", markup, minutes_ago=5)
    task = automation_factories.task(environment, name=markup)
    automation_factories.execution(task, ago=20 * MINUTE, phase="TASK_EXECUTION_PHASE_FAILED", failure=markup)
    automation_factories.service(environment, name=markup, phase=markup, first_seen_at=environment.first_seen_at)
    SpecificationVersion.objects.create(
        environment=environment, spec_version=1, spec={markup: [markup]}, seen_at=timezone.now() - 9 * MINUTE
    )
    operations.operation("environment.stop", environment_id=environment.pk, actor_name=markup, reason=markup)
    for query in ({}, {"transition": f"e{row.pk}"}, {"lane": markup, "transition": markup}, {"q": markup}):
        text = page(viewer, environment, **query)
        assert "<script>alert" not in text
        assert '"onload' not in text
    text = viewer.get(reverse("environments:specification", args=[environment.pk])).content.decode()
    assert "<script>alert" not in text


def test_the_old_address_of_the_history_leads_here(viewer: Client) -> None:
    environment = factories.environment()
    answer = viewer.get(reverse("environments:detail", args=[environment.pk]), {"tab": "history"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("environments:timeline", args=[environment.pk]))


def poll_of(text: str) -> str:
    (address,) = re.findall(r'id="poller"[^>]*hx-get="([^"]+)"', text)
    return html.unescape(address)


def test_a_poll_is_empty_until_something_happens_and_then_shows_the_same_period(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    moment = (timezone.now() - 5 * MINUTE).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in ({"zoom": "week", "lane": "machine"}, {"zoom": "hour", "to": moment}):
        poll = poll_of(page(viewer, environment, **query))
        assert viewer.get(poll, headers=HTMX).status_code == 204
        operations.operation("environment.stop", environment_id=environment.pk, ago=timedelta(0))
        answer = viewer.get(poll, headers=HTMX)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert 'hx-swap-oob="true"' in text
        assert re.search(rf'aria-current="true">{query["zoom"].capitalize()}<', text)
        assert viewer.get(poll_of(text), headers=HTMX).status_code == 204


def test_an_older_page_of_the_list_does_not_change_under_its_reader(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=4)
    before = f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}~e{row.pk + 1}"
    assert 'id="poller"' not in page(viewer, environment, before=before)


def test_a_gone_environment_nobody_knows_is_not_found(viewer: Client) -> None:
    for name in ("timeline", "specification"):
        assert viewer.get(reverse(f"environments:{name}", args=[uuid.uuid4()])).status_code == 404
