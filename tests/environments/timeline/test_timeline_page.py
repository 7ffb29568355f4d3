"""The Timeline tab of an environment's page."""

from __future__ import annotations

import html
import re
import uuid
from datetime import datetime, timedelta
from types import ModuleType

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.environment_tab import timeline_source
from environments.models import Environment, Field, Phase, Sighting, SpecificationVersion, SyncRun, Transition
from environments.timeline import audit_log_source, operations_source, specification_versions
from tests.environments.timeline.timelines import MINUTE, bars, changed, known_for, labels, page, versions_of, words
from tests.support import automation_factories, factories, operations
from tests.support.audit_entries import entry

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
    assert ", as far as it was observed. It began" in second
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
    assert "no sync succeeded" in words(text)
    assert "before the portal first observed it" in words(text)
    assert len(bars(text, "Environment")) == 2
    for bar in text.split("<tr>")[1:]:
        times = [datetime.fromisoformat(moment) for moment in re.findall(r'datetime="([^"]+)"', bar)]
        if "<td><bdi>Environment</bdi></td>" in bar:
            assert times[2] <= outage[0] + MINUTE or times[0] >= outage[1] - MINUTE


def test_without_any_sweep_nothing_is_claimed(viewer: Client) -> None:
    environment = factories.environment(first_seen_at=timezone.now() - timedelta(minutes=40))
    text = page(viewer, environment)
    assert bars(text, "Environment") == []
    assert "no sync succeeded" in words(text)


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
    assert "Stop environment, requested by ann: succeeded, " in named
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
        assert archived == [f"Archived before the portal first observed it, as Ona reports, {told:%Y-%m-%d %H:%M:%S}"]


def test_an_archiving_that_was_seen_is_marked_once(viewer: Client) -> None:
    told = timezone.now() - 11 * MINUTE
    environment = known_for(timedelta(minutes=50), archived_at=told)
    changed(environment, Field.ARCHIVED, "", f"{told:%Y-%m-%dT%H:%M:%S.%fZ}", minutes_ago=10)
    assert sum(each.count("rchived") for each in labels(page(viewer, environment, zoom="hour"))) == 1


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
def test_invalid_parameters_in_the_url_are_ignored(viewer: Client, query: str) -> None:
    environment = known_for(timedelta(minutes=5))
    address = reverse("environments:timeline", args=[environment.pk])
    assert viewer.get(f"{address}?{query}").status_code == 200
    assert viewer.get(f"{address}?{query}", headers=HTMX).status_code == 200


@pytest.mark.parametrize("created_at", ["0001-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", None])
def test_an_odd_time_of_creation_breaks_nothing(viewer: Client, created_at: str | None) -> None:
    environment = known_for(timedelta(minutes=5), created_at=created_at and datetime.fromisoformat(created_at))
    for zoom in ("hour", "week", "all"):
        assert "Environment" in page(viewer, environment, zoom=zoom)


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
    assert "deleted at Ona" in words(text)
    assert len(bars(text, "Environment")) == 1
    assert any(label.startswith("Deleted, after") for label in labels(text)), labels(text)


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
        (operations_source, "MOST_MARKS", "Only the newest 2 operations of the period are drawn."),
        (audit_log_source, "MOST_MARKS", "Only the newest 2 entries of Ona's audit log in the period are drawn."),
        (specification_versions, "MOST_MARKS", "Only the highest 2 versions of the period are drawn."),
        (timeline_source, "MAX_SERVICES", "Only the first 2 services are drawn."),
        (timeline_source, "MAX_EXECUTIONS", "Only the newest 2 executions of the period are drawn."),
        (timeline_source, "MAX_TASKS", "1 execution is not drawn: there is room for 2 lanes of tasks."),
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
        assert 'hx-swap-oob="morph"' in text
        assert re.search(rf'aria-current="true">{query["zoom"].capitalize()}<', text)
        assert viewer.get(poll_of(text), headers=HTMX).status_code == 204


def test_a_gone_environment_nobody_knows_is_not_found(viewer: Client) -> None:
    for name in ("timeline", "specification"):
        assert viewer.get(reverse(f"environments:{name}", args=[uuid.uuid4()])).status_code == 404
