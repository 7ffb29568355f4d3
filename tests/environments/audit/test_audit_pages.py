"""`/audit/` and what is beneath it."""

from __future__ import annotations

import html
import re
import uuid

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.models import Environment, Field, Phase
from tests.environments.audit.audit_pages import ARCHIVE, DAY, HOUR, LOCKDOWN, WHAT_IF, counts, get, names, some
from tests.support import audits, factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def test_the_lockdown_audit_counts_every_status_and_lists_each(viewer):
    audits.policies(lifetime=7, strict=True)
    some()
    page = get(viewer, LOCKDOWN)
    assert counts(page) == {
        "locked down, running": 1, "locked down": 1, "within 24 h": 1, "in 1 to 7 days": 1, "in 7 to 30 days": 1,
        "later": 1, "exempt": 4, "no policy": 0, "unknown": 0, "deleted": 1,
    }  # fmt: skip
    assert "Maximum lifetime 7 d, strict" in page
    assert names(page)[:3] == ["running past", "past", "today"] or names(page)[:3] == ["past", "running past", "today"]
    assert "gone" not in names(page)
    assert names(get(viewer, LOCKDOWN, status="running")) == ["running past"]
    assert sorted(names(get(viewer, LOCKDOWN, status=["7d", "24h"]))) == ["soon", "today"]
    assert names(get(viewer, LOCKDOWN, status="deleted")) == ["gone"]
    assert ">include<" not in get(viewer, LOCKDOWN, status="deleted")  # the status alone names them
    assert "2 commits, 1 file: 2 d" in page


def test_the_archive_audit_counts_every_status_and_lists_each(viewer):
    audits.policies(archive=3, delete=14)
    some()
    page = get(viewer, ARCHIVE)
    assert counts(page) == {
        "overdue": 2, "to be deleted": 1, "to be archived": 1, "archived": 0, "active": 6, "unknown": 0, "deleted": 1,
    }  # fmt: skip
    assert sorted(names(get(viewer, ARCHIVE, status="overdue"))) == ["forgotten", "left over"]
    assert names(get(viewer, ARCHIVE, status="deletion")) == ["archived"]
    assert names(get(viewer, ARCHIVE, status="due")) == ["past"]
    assert "1 commit: 12 d 23 h left" in get(viewer, ARCHIVE, status="deletion")
    assert "archived after 3 d without use, and deleted 14 d later" in page


def test_beside_a_deletion_to_come_stands_since_when_it_is_archived(viewer):
    audits.policies(archive=3, delete=14)
    made = some()
    for name, status in (("archived", "deletion"), ("left over", "overdue")):
        since = f"archived {made[name].archived_at:%Y-%m-%d}"
        assert since in get(viewer, ARCHIVE, q=f'name:"{name}"', status=status)
    assert "archived 20" not in get(viewer, ARCHIVE, q="name:forgotten")
    assert "archived 20" not in get(viewer, LOCKDOWN)


def test_without_policies_nothing_is_guessed(viewer):
    some()
    page = get(viewer, ARCHIVE)
    assert "unknown: the organization&#x27;s policies had not been read." in page
    assert counts(page)["unknown"] == 2
    assert counts(page)["archived"] == 2
    assert counts(get(viewer, LOCKDOWN))["unknown"] == 4


def test_filters_chips_and_order_are_in_the_address(viewer):
    audits.policies(lifetime=7)
    owner = uuid.uuid4()
    now = timezone.now()
    for name, hours in (("b", 5), ("a", 3), ("c", 9)):
        factories.environment(name=name, lockdown_at=now + hours * HOUR, creator_id=owner, owner_name="Ann Lee")
    factories.environment(name="other", lockdown_at=now + HOUR)
    assert names(get(viewer, LOCKDOWN, owner=owner)) == ["a", "b", "c"]
    assert names(get(viewer, LOCKDOWN, owner=owner, sort="-when")) == ["c", "b", "a"]
    assert names(get(viewer, LOCKDOWN, owner=owner, sort="name")) == ["a", "b", "c"]
    assert names(get(viewer, LOCKDOWN, q="owner:ann name:b")) == ["b"]
    page = get(viewer, LOCKDOWN, owner=owner, status="24h", q="name:b", phase="running")
    for chip in ("within 24 h", "Ann Lee", "running"):
        assert f"<bdi>{chip}</bdi>" in page
    assert names(page) == ["b"]
    assert counts(page)["within 24 h"] == 1


def test_the_filters_of_the_list_are_those_of_the_audit(viewer):
    runner = uuid.uuid4()
    factories.environment(name="a", runner_id=runner, runner_name="aws", failure="no image")
    factories.environment(name="b", runner_id=runner, runner_name="aws", phase=Phase.STOPPED)
    factories.environment(name="c")
    page = get(viewer, ARCHIVE, runner=runner, status="active", sort="name")
    hidden = f'<input type="hidden" name="runner" value="{runner}">'
    form = page.partition('id="filters"')[2]
    assert hidden in form  # until they are unfolded
    assert 'name="status" value="active"' in page
    address = html.unescape(re.search(r'hx-get="(/environments/facets/[^"]*)"', page)[1])
    for panel in (viewer.get(address).content.decode(), get(viewer, ARCHIVE, runner=runner, facets="yes")):
        assert re.search(rf'id="runner-{runner}" checked>\s*<span class="facet-label">aws</span>.*?>2<', panel)
        assert re.search(r'id="flag-failing">\s*<span class="facet-label">failing</span>.*?>1<', panel)
    assert hidden not in get(viewer, ARCHIVE, runner=runner, facets="yes").partition('id="filters"')[2]
    assert names(get(viewer, ARCHIVE, runner=runner, flag="failing")) == ["a"]
    assert "an environment&#x27;s id or its beginning" in page  # the words of the search


def test_pages_follow_one_another_by_key(viewer):
    audits.policies(lifetime=7, archive=3)
    now = timezone.now()
    for number in range(60):
        factories.environment(name=f"e{number:02}", lockdown_at=now + number * HOUR, phase=Phase.STOPPED)
    for url in (LOCKDOWN, ARCHIVE):
        first = get(viewer, url, size=25)
        seen, page = names(first), first
        while match := re.search(r'rel="next"\s+id="next-page"\s+href="([^"]*)"', page):
            page = viewer.get(url + html.unescape(match[1])).content.decode()
            seen += names(page)
        assert sorted(seen) == [f"e{number:02}" for number in range(60)]


def test_what_makes_no_sense_is_explained_and_shows_nothing(viewer):
    factories.environment()
    page = get(viewer, LOCKDOWN, status="lost", group="planet", sort="weight", q="fase:running", page="x")
    for said in ("Status: takes running", "Group: takes project", "there is no such column", "unknown word fase:"):
        assert said in page
    assert names(page) == []
    assert names(get(viewer, LOCKDOWN, sort="weight", page="x")) == ["quiet-otter"]


def test_groups_tell_where_the_statuses_are(viewer):
    audits.policies(lifetime=7)
    project = uuid.uuid4()
    for _ in range(3):
        factories.environment(project_id=project, project_name="Shop", lockdown_at=timezone.now() - DAY)
    factories.environment()
    page = get(viewer, LOCKDOWN, group="project")
    assert "By project" in page
    assert re.search(rf"project={project}[^>]*>\s*<bdi>Shop</bdi>.*?>3</a></td>", page, re.DOTALL)
    assert "<bdi>none</bdi>" in page
    for group in ("owner", "runner"):
        assert f"By {group}" in get(viewer, ARCHIVE, group=group)


def test_numbers_of_a_group_lead_to_those_environments(viewer):
    audits.policies(lifetime=7)
    project = uuid.uuid4()
    for name, moment in (("a", -DAY), ("b", -DAY), ("c", HOUR)):
        factories.environment(
            name=name, project_id=project, project_name="Shop", lockdown_at=timezone.now() + moment, owner_name="Ann"
        )
    factories.environment(name="d", lockdown_at=timezone.now() - DAY, owner_name="Ann")
    for query, found in (({}, ["a", "b"]), ({"q": "name:a"}, ["a"]), ({"status": "24h"}, ["a", "b"])):
        page = get(viewer, LOCKDOWN, group="project", **query)
        links = re.findall(rf'href="([^"]*project={project}[^"]*status=running)">(\d+)</a>', page)
        ((address, number),) = links
        assert int(number) == len(found)
        assert sorted(names(viewer.get(LOCKDOWN + html.unescape(address)).content.decode())) == found


def test_where_there_are_more_groups_than_are_shown_the_page_says_so(viewer):
    for number in range(51):
        factories.environment(owner_name=f"o{number}", creator_id=uuid.UUID(int=number + 1))
    assert "The largest 50 of 51." in get(viewer, LOCKDOWN, group="owner")
    assert "The largest" not in get(viewer, LOCKDOWN, group="owner", q="owner:o1")
    assert "The largest" not in get(viewer, LOCKDOWN, group="project")


def test_each_day_of_the_forecast_leads_to_exactly_its_environments(viewer):
    audits.policies(lifetime=7, archive=3, delete=14)
    now, days = timezone.now(), set()
    for delay in (2, 2, 5, 40, -1):
        factories.environment(lockdown_at=now + delay * DAY)
    some()
    for url in (LOCKDOWN, ARCHIVE):
        page = get(viewer, url)
        assert " in 30 days, at most " in page
        assert len(re.findall(r'<tr><th scope="row">(?:<a [^>]*>)?2\d', page)) == 30
        told = re.findall(r'aria-label="([\d-]+): (\d+) [^"]*" href="([^"]*)"', page)
        cells = re.findall(r'<td class="text-end"><a href="([^"]*day=[^"]*)">(\d+)</a>', page)
        for address, count in [(address, count) for _, count, address in told] + cells:
            found = viewer.get(url + html.unescape(address))
            assert len(found.context["page"].rows) == int(count), address
            assert found.context["forecast"].summary in page, "the other days stay"
        days |= {day for day, *_ in told}
    assert len(days) > 2
    assert "takes a day in UTC" in get(viewer, LOCKDOWN, day="9999-12-31")


def test_policies_over_time_tell_each_change(viewer):
    now = timezone.now()
    audits.policies(ago=20 * DAY, lifetime=7, archive=3)
    audits.policies(ago=2 * DAY, after=now - 3 * DAY, archive=5, strict=True)
    page = get(viewer, "/audit/")
    assert "policies.maximumEnvironmentLifetime" in page
    assert "No maximum lifetime" in page
    assert "Maximum lifetime 7 d" in page
    assert "No earlier record" in page
    audits.swept(now - 30 * DAY)
    before = get(viewer, "/audit/", as_of=(now - 10 * DAY).isoformat())
    assert "policies.maximumEnvironmentLifetime" not in before
    assert "the organization's policies had not been read" in html.unescape(
        get(viewer, "/audit/", as_of=(now - 25 * DAY).isoformat())
    )


def test_of_many_policies_the_newest_are_shown_and_every_moment_has_the_one_of_then(viewer):
    now = timezone.now()
    audits.swept(now - 200 * DAY, now - 97.5 * DAY)
    for number in range(60):
        audits.policies(ago=(100 - number) * DAY, lifetime=number + 1)
    page = get(viewer, "/audit/")
    assert page.count("Maximum lifetime ") == 51  # the audit's own, and fifty of before
    assert "The newest 50." in page
    assert "No earlier record" not in page
    long_ago = get(viewer, "/audit/", as_of=(now - 97.5 * DAY).isoformat())
    assert "The newest" not in long_ago
    assert "Maximum lifetime 3 d" in long_ago


def test_an_open_page_asks_for_news_and_gets_none_while_there_is_none(viewer):
    audits.policies(lifetime=7)
    factories.environment(lockdown_at=timezone.now() + DAY)
    page = get(viewer, LOCKDOWN)
    poll = html.unescape(re.search(r'hx-get="([^"]*seen=[^"]*)"', page)[1])
    assert page.count('hx-target="#audit"') == 2  # news and sorting: the figures beside lead to the order shown
    htmx = {"HX-Request": "true"}
    assert viewer.get(poll, headers=htmx).status_code == 204
    factories.environment(name="new", lockdown_at=timezone.now() + DAY)
    answer = viewer.get(poll, headers=htmx)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert "new" in names(answer.content.decode())


def test_hostile_names_stay_text(viewer):
    audits.policies(lifetime=7)
    hostile = '<script>alert("x")</script>'
    row = factories.environment(name=hostile, owner_name=hostile, creator_id=uuid.uuid4(), project_name=hostile,
                          project_id=uuid.uuid4(), runner_name=hostile, runner_id=uuid.uuid4(),
                          phase=hostile, lockdown_at=timezone.now() - DAY)  # fmt: skip
    audits.moved(row, Field.LOCKDOWN, None, timezone.now() - DAY, by=timezone.now() - HOUR)
    hits = f"{WHAT_IF}environments/?question=lifetime&value=1"
    for url in (LOCKDOWN, ARCHIVE, f"{LOCKDOWN}changes/", f"{WHAT_IF}?lifetime=1", hits):
        assert "<script>alert" not in viewer.get(url, {"group": "owner"} if "?" not in url else {}).content.decode()


@pytest.mark.parametrize(
    "url",
    [
        LOCKDOWN,
        ARCHIVE,
        f"{LOCKDOWN}?group=owner",
        f"{ARCHIVE}?as_of=now",
        f"{LOCKDOWN}?as_of=now",
        f"{LOCKDOWN}changes/",
        f"{WHAT_IF}environments/?question=archive&value=1",
    ],
)
def test_a_page_takes_as_many_queries_however_many_environments_there_are(
    viewer, url, django_assert_max_num_queries, django_assert_num_queries
):
    audits.policies(lifetime=7, archive=3, delete=14)
    now = timezone.now()
    audits.swept(now - 9 * DAY, now - DAY)
    url = url.replace("=now", f"={(now - HOUR).strftime('%Y-%m-%dT%H:%MZ')}")

    def fill(number: int) -> None:
        for _ in range(number):
            row = factories.environment(owner_name="Ann", creator_id=uuid.uuid4(), first_seen_at=now - 3 * DAY)
            audits.moved(row, Field.LOCKDOWN, now, None, by=now - 2 * HOUR)
        cache.clear()  # of counts

    fill(2)
    with django_assert_max_num_queries(33) as few:
        get(viewer, url.partition("?")[0], **dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair))
    fill(20)
    with django_assert_num_queries(len(few)):
        get(viewer, url.partition("?")[0], **dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair))


def test_counts_are_kept_until_an_environment_changes_and_made_anew_without_the_cache(viewer, settings):
    audits.policies(lifetime=7)
    row = factories.environment(lockdown_at=timezone.now() + HOUR)
    with CaptureQueriesContext(connection) as first:
        assert counts(get(viewer, LOCKDOWN))["within 24 h"] == 1
    with CaptureQueriesContext(connection) as second:
        assert counts(get(viewer, LOCKDOWN))["within 24 h"] == 1
    assert len(second) < len(first)
    Environment.objects.filter(pk=row.pk).update(lockdown_at=None, changed_at=timezone.now())
    assert counts(get(viewer, LOCKDOWN))["within 24 h"] == 0
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert counts(get(viewer, LOCKDOWN))["exempt"] == 1
