"""`/members/<id>/` and the pages of projects, runners and classes: what belongs to each, and where its counts lead."""

from __future__ import annotations

import re
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.directory_pages.nouns import NOUNS
from environments.models import Environment
from environments.models.overview import RunningTime
from portal.directory.models import EnvironmentClass, Member, Organization, Runner
from tests.api.documented import check
from tests.support import automation_factories, factories

pytestmark = pytest.mark.django_db
ROWS = r'href="(/(?:environments|secrets|automations)/[?][^"]*)"'
COUNTED = re.compile(rf'{ROWS}[^>]*><span class="(?:env-count|ov-line-count)">([0-9,]+)<')
BARS = re.compile(rf'bars-value"><a {ROWS}[^>]*>([0-9,]+)<')


def page(client: Client, kind: str, identity: object) -> str:
    answer = client.get(f"/{NOUNS[kind].folder}/{identity}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_count_of_a_page_and_its_endpoint_leads_to_exactly_its_rows() -> None:
    auditor = factories.client("Auditor")
    factories.environments(80, seed=3)
    for row in Environment.objects.all()[:2]:
        automation_factories.execution(automation_factories.task(row))
    one = Environment.objects.exclude(project_id=None).first()
    for kind, noun in NOUNS.items():
        identity = getattr(one, noun.column)
        if noun.scope:
            factories.secret(scope_kind=noun.scope, scope_id=identity)
        shown = unescape(page(auditor, kind, identity))
        counted = dict(COUNTED.findall(shown) + BARS.findall(shown))
        assert len(counted) > 15, kind
        for url, count in counted.items():
            answer = auditor.get(url, headers={"HX-Request": "true", "HX-Target": "list"})
            assert f"{answer.context['total'].count:,}" == count, url
        told = auditor.get(f"/api/v1/{noun.folder}/{identity}/figures/")
        check(told)
        figures = [told.json()[name] for name in ("environments", "attention", "failures")]
        figures += [*told.json()["shared_with"].values(), *told.json()["groups"].values()]
        assert {(each["query"], f"{each['count']:,}") for group in figures for each in group} == {
            (url.partition("?")[2], count) for url, count in counted.items()
        }


def test_a_page_takes_as_many_queries_whatever_belongs_to_it() -> None:
    auditor, numbers = factories.client("Auditor"), {}
    for number in (3, 60):
        factories.environments(number, seed=number)
        for kind, noun in NOUNS.items():
            identity = Environment.objects.exclude(project_id=None).values_list(noun.column, flat=True)[0]
            with CaptureQueriesContext(connection) as captured:
                page(auditor, kind, identity)
            numbers.setdefault(kind, set()).add(len(captured))
    assert all(max(counts) - min(counts) <= 1 for counts in numbers.values()), numbers
    assert max(map(max, numbers.values())) < 45


def test_a_page_tells_what_the_directory_does_of_what_is_gone_too_and_refuses_what_nothing_names() -> None:
    viewer, now = factories.client(), timezone.now()
    seen = {"first_seen_at": now, "seen_at": now}
    unlisted = factories.environment(creator_id=uuid4(), owner_name="Ann <b>Lee</b>", project_id=None)
    shown = page(viewer, "owner", unlisted.creator_id)
    assert "Ann &lt;b&gt;Lee" in shown
    assert "never listed by Ona" in shown
    runner = Runner.objects.create(id=uuid4(), name="AWS", phase="RUNNER_PHASE_DEGRADED", message="out of <i>", **seen)
    kind = EnvironmentClass.objects.create(id=uuid4(), runner_id=runner.pk, document={"newField": "kept"}, **seen)
    RunningTime.objects.create(day=now.date(), key=str(kind.pk), dimension="class", seconds=7200)
    RunningTime.objects.create(day=now.date(), key="", dimension="observed", seconds=7200)
    shown = page(viewer, "runner", runner.pk)
    assert "out of &lt;i&gt;" in shown
    assert "2 h in 7 days" in shown
    shown = page(viewer, "class", kind.pk)
    assert f'href="/runners/{runner.pk}/"' in shown
    assert "newField" in shown
    limits = {"maximumEnvironmentsPerUser": "20"}
    owner = Organization.objects.create(id=uuid4(), policies=limits, **seen)
    assert "1 of at most 20" in page(viewer, "owner", unlisted.creator_id), owner
    for noun in NOUNS.values():
        assert viewer.get(f"/{noun.folder}/{uuid4()}/").status_code == 404
        assert viewer.get(f"/api/v1/{noun.folder}/{uuid4()}/figures/").status_code == 404


def test_the_page_of_somebody_who_left_leads_to_batches_of_their_environments_alone() -> None:
    now, admin = timezone.now(), factories.client("Admin")
    who = Member.objects.create(id=uuid4(), name="Ann", status="USER_STATUS_LEFT", first_seen_at=now, seen_at=now)
    own = factories.environment(name="of-ann", creator_id=who.pk, phase="ENVIRONMENT_PHASE_STOPPED")
    also = Member.objects.create(id=uuid4(), name="Bo", status="USER_STATUS_LEFT", first_seen_at=now, seen_at=now)
    factories.environment(name="of-bo", creator_id=also.pk, phase="ENVIRONMENT_PHASE_STOPPED")
    shown = unescape(page(admin, "owner", who.pk))
    (archive,) = re.findall(r'href="(/operations/batches/new/[?]action=environment.archive[^"]*)"', shown)
    assert [str(each.environment) for each in admin.get(archive).context["choice"].candidates] == [own.name]
    assert "/operations/batches/new/" not in page(factories.client(), "owner", who.pk)
