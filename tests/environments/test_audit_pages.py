"""`/audit/` and what is beneath it."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.audit.forecast import draw
from environments.models import Environment, Field, Phase
from tests import audits, factories, operations

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LOCKDOWN, ARCHIVE, WHAT_IF = "/audit/lockdown/", "/audit/archive/", "/audit/what-if/"


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def get(client: Client, url: str, **query: object) -> str:
    response = client.get(f"{url}?{urlencode(query, doseq=True)}")
    assert response.status_code == 200
    return response.content.decode()


def names(page: str) -> list[str]:
    """Of the lines, in order."""
    return [html.unescape(name) for name in re.findall(r'class="list-name">\s*<a[^>]*>\s*<bdi>([^<]*)</bdi>', page)]


def counts(page: str) -> dict[str, int]:
    found = re.findall(r'env-count">([\d,]+)</span>\s*<span class="tone-\w+">([^<]*)</span>', page)
    return {label: int(number.replace(",", "")) for number, label in found}


def some() -> dict[str, Environment]:
    """One environment of each kind, by what it is."""
    now = timezone.now()
    made = {
        "running past": {"lockdown_at": now - DAY},
        "past": {"lockdown_at": now - DAY, "phase": Phase.STOPPED},
        "today": {"lockdown_at": now + HOUR},
        "soon": {"lockdown_at": now + 3 * DAY, "unpushed_commits": 2, "changed_files": 1},
        "next month": {"lockdown_at": now + 20 * DAY},
        "later": {"lockdown_at": now + 99 * DAY},
        "free": {"created_at": now - DAY},
        "gone": {"gone_at": now - DAY},
        "archived": {"phase": Phase.STOPPED, "archived_at": now - DAY, "unpushed_commits": 1},
        "left over": {"phase": Phase.STOPPED, "archived_at": now - 20 * DAY},
        "forgotten": {"phase": Phase.STOPPED, "first_seen_at": now - 9 * DAY, "active_at": None,
                      "last_started_at": now - 9 * DAY},
    }  # fmt: skip
    return {name: factories.environment(name=name, **columns) for name, columns in made.items()}


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
        since = f"archived since {made[name].archived_at:%Y-%m-%d %H:%M} UTC"
        assert since in get(viewer, ARCHIVE, q=f'name:"{name}"', status=status)
    assert "archived since" not in get(viewer, ARCHIVE, q="name:forgotten")
    assert "archived since" not in get(viewer, LOCKDOWN)


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
        while match := re.search(r'rel="next"\s+href="([^"]*)"', page):
            page = viewer.get(url + html.unescape(match[1])).content.decode()
            seen += names(page)
        assert sorted(seen) == [f"e{number:02}" for number in range(60)]


def test_what_makes_no_sense_is_left_out_and_explained(viewer):
    factories.environment()
    page = get(viewer, LOCKDOWN, status="lost", group="planet", sort="weight", q="fase:running", page="x")
    for said in ("Status: takes running", "Group: takes project", "there is no such column", "unknown word fase:"):
        assert said in page
    assert names(page) == ["quiet-otter"]


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
    assert "The greatest 50 of 51." in get(viewer, LOCKDOWN, group="owner")
    assert "The greatest" not in get(viewer, LOCKDOWN, group="owner", q="owner:o1")
    assert "The greatest" not in get(viewer, LOCKDOWN, group="project")


def test_a_cleared_lockdown_says_by_whom(viewer):
    audits.policies(lifetime=7)
    now = timezone.now()
    inside, outside = factories.environment(name="inside"), factories.environment(name="outside")
    made = operations.operation("environment.clear_lockdown", ago=2 * HOUR, environment_id=inside.pk,
                                target_id=inside.pk, after={"lockdownAt": None}, reason="release week")  # fmt: skip
    for row in (inside, outside):
        audits.moved(row, Field.LOCKDOWN, now + DAY, None, by=now - 2 * HOUR + timedelta(minutes=1))
    page = get(viewer, LOCKDOWN, status="exempt")
    assert "was cleared by ann" in page
    assert "was cleared by somebody outside the portal" in page
    assert f"/operations/{made.pk}/" in page
    assert "The reason given: release week" in page
    assert f'<li><a href="/operations/{made.pk}/">The operation</a></li>' in page


def test_a_moved_lockdown_says_by_whom_from_when_and_why(viewer):
    audits.policies(lifetime=7)
    now = timezone.now()
    old, new = now + 3 * DAY, now + 60 * DAY
    row = factories.environment(lockdown_at=new)
    made = operations.operation("environment.set_lockdown", ago=2 * HOUR, environment_id=row.pk, target_id=row.pk,
                                after={"lockdownAt": new.isoformat()}, reason="a long demo")  # fmt: skip
    audits.moved(row, Field.LOCKDOWN, old, new, by=now - 2 * HOUR + timedelta(minutes=1))
    page = get(viewer, LOCKDOWN, status="later")
    assert f"It was moved from {old:%Y-%m-%d %H:%M} UTC by ann" in page
    assert "The reason given: a long demo" in page
    assert f'<li><a href="/operations/{made.pk}/">The operation</a></li>' in page
    assert "comes from an earlier policy" not in page


def moved_often(number: int) -> list[Environment]:
    """So many environments, each with a lockdown that was moved a minute before the one before it; two at a time."""
    now = timezone.now()
    made = []
    for minutes in range(number):
        made.append(factories.environment(name=f"moved-{minutes:03}", lockdown_at=now + DAY))
        by = now - timedelta(minutes=minutes // 2 * 2)
        audits.moved(made[-1], Field.LOCKDOWN, now + HOUR, now + DAY, by=by)
    return made


def test_every_change_of_a_lockdown_is_found_page_by_page(viewer):
    moved_often(121)
    page = get(viewer, LOCKDOWN, status="running", group="owner")
    assert "The newest 20." in page
    assert f'href="{LOCKDOWN}changes/?"' in page
    seen, address, sizes = [], "?", []
    while address:
        page = viewer.get(f"{LOCKDOWN}changes/{address}").content.decode()
        found = re.findall(r"<bdi>(moved-\d+)</bdi>", page)
        sizes.append(len(found))
        seen += found
        older = re.search(r'rel="next"\s+href="([^"]*)"', page)
        address = html.unescape(older[1]) if older else ""
    assert sizes == [50, 50, 21]
    assert sorted(seen) == [f"moved-{number:03}" for number in range(121)]


def test_changes_of_lockdowns_are_those_of_the_filters_and_of_the_moment(viewer):
    audits.swept(timezone.now() - DAY, timezone.now() - timedelta(minutes=2))
    moved_often(4)
    only = get(viewer, f"{LOCKDOWN}changes/", q="name:moved-002")
    assert re.findall(r"<bdi>(moved-\d+)</bdi>", only) == ["moved-002"]
    before = (timezone.now() - timedelta(minutes=1)).isoformat()
    then = get(viewer, f"{LOCKDOWN}changes/", as_of=before)
    assert sorted(re.findall(r"<bdi>(moved-\d+)</bdi>", then)) == ["moved-002", "moved-003"]
    assert "this is not a place in this list" in get(viewer, f"{LOCKDOWN}changes/", before="yesterday")
    assert "There are none older." in get(viewer, f"{LOCKDOWN}changes/", before="2020-01-01T00:00:00Z~9")


def test_a_lockdown_moved_by_another_value_than_asked_for_was_moved_by_somebody_else(viewer):
    now = timezone.now()
    row = factories.environment(lockdown_at=now + 9 * DAY)
    operations.operation("environment.set_lockdown", ago=2 * HOUR, environment_id=row.pk, target_id=row.pk,
                         after={"lockdownAt": (now + 5 * DAY).isoformat()})  # fmt: skip
    audits.moved(row, Field.LOCKDOWN, now + DAY, now + 9 * DAY, by=now - HOUR)
    page = get(viewer, LOCKDOWN)
    assert "moved:" in page
    assert "somebody outside the portal" in page


def test_the_forecast_has_every_day_as_a_bar_and_as_a_number(viewer):
    audits.policies(lifetime=7, archive=3, delete=14)
    now = timezone.now()
    for days in (2, 2, 5, 40, -1):
        factories.environment(lockdown_at=now + days * DAY)
    page = get(viewer, LOCKDOWN)
    assert "3 in 30 days, at most 2 a day" in page
    assert page.count("<rect") == 2
    assert page.count('<th scope="row">2') == 30
    some()
    assert "archived" in get(viewer, ARCHIVE)


def test_bars_stand_upon_one_another_in_proportion():
    today = timezone.now().date()
    forecast = draw(("archived", "deleted"), {today: (3, 1), today + DAY: (0, 0), today + 2 * DAY: (1, 0)})
    first, empty, last = forecast.days
    assert [(bar.y, bar.height) for bar in first.bars] == [(25, 75), (0, 25)]
    assert empty.bars == ()
    assert (last.bars[0].y, last.bars[0].height) == (75, 25)
    assert forecast.total == 5


def test_policies_over_time_tell_each_change(viewer):
    now = timezone.now()
    audits.policies(ago=20 * DAY, lifetime=7, archive=3)
    audits.policies(ago=2 * DAY, after=now - 3 * DAY, archive=5, strict=True)
    page = get(viewer, "/audit/")
    assert "policies.maximumEnvironmentLifetime" in page
    assert "No maximum lifetime" in page
    assert "Maximum lifetime 7 d" in page
    assert "What was before is not known" in page
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
    assert "What was before is not known" not in page
    long_ago = get(viewer, "/audit/", as_of=(now - 97.5 * DAY).isoformat())
    assert "The newest" not in long_ago
    assert "Maximum lifetime 3 d" in long_ago


def test_what_if_tells_whom_another_policy_would_hit_and_when(viewer):
    now = timezone.now()
    factories.environment(name="old", created_at=now - 30 * DAY, unpushed_commits=1, timeout=timedelta(0),
                          active_at=now - DAY)  # fmt: skip
    factories.environment(name="young", created_at=now - 5 * DAY + HOUR, phase=Phase.STOPPED)
    factories.environment(name="unknown", created_at=None, active_at=None, last_started_at=None, phase="")
    page = get(viewer, WHAT_IF, lifetime=5)
    numbers = re.findall(r'env-count">(\d+)</span>\s*<span>([^<]*)</span>', page)
    assert {what: int(count) for count, what in numbers} == {
        "at once, 1 with unpushed work": 1, "within 24 h, 1 with unpushed work": 2,
        "within 7 days, 1 with unpushed work": 2, "within 30 days, 1 with unpushed work": 2,
        "in all, of 1 of which the time is unknown": 3,
    }  # fmt: skip
    assert page.index("old") < page.index("young")
    assert ">old<" in get(viewer, WHAT_IF, timeout=8)
    assert ">young<" in get(viewer, WHAT_IF, archive=1)
    assert "It would hit none." in get(viewer, WHAT_IF, delete=7)
    assert "less than or equal to 30" in get(viewer, WHAT_IF, archive=99, lifetime="x")
    assert "No question yet" in get(viewer, WHAT_IF)


def test_everything_that_another_policy_would_hit_is_listed_page_by_page_and_filtered(viewer):
    now = timezone.now()
    for number in range(60):
        factories.environment(
            name=f"e{number:02}", created_at=now - 30 * DAY + number * HOUR, owner_name="Ann" if number % 2 else "Bo"
        )
    factories.environment(name="late", created_at=now - HOUR, owner_name="Ann")
    factories.environment(name="unknown", created_at=None, owner_name="Cy")
    links = re.findall(r'href="([^"]*/environments/[?][^"]*)"', get(viewer, WHAT_IF, lifetime=14))
    at_once, every = (html.unescape(link) for link in (links[0], links[-1]))

    def listed(address: str) -> list[str]:
        found: list[str] = []
        while address:
            page = viewer.get(address).content.decode()
            found += re.findall(r'/environments/[0-9a-f-]{36}/"><bdi>([^<]*)</bdi>', page)
            following = re.search(r'rel="next"\s+href="([^"]*)"', page)
            address = f"{WHAT_IF}environments/{html.unescape(following[1])}" if following else ""
        return found

    names_of = [f"e{number:02}" for number in range(60)]
    assert listed(every) == [*names_of, "late", "unknown"]
    assert listed(at_once) == names_of
    assert listed(f"{every}&q=owner:ann&sort=-when") == ["late", *names_of[1::2][::-1]]
    assert listed(f"{every}&q=owner:cy&within=30d") == []
    said = viewer.get(f"{every}&within=soon&q=fase:x").content.decode()
    assert "Within: takes now, 24h" in said
    assert "unknown word fase:" in said


@pytest.mark.parametrize("query", ["", "question=lifetime", "question=planet&value=3", "question=archive&value=99"])
def test_a_question_without_sense_is_asked_again(viewer, query):
    answer = viewer.get(f"{WHAT_IF}environments/?{query}")
    assert answer.status_code == 302
    assert answer["Location"].startswith(WHAT_IF)


def test_an_open_page_asks_for_news_and_gets_none_while_there_is_none(viewer):
    audits.policies(lifetime=7)
    factories.environment(lockdown_at=timezone.now() + DAY)
    page = get(viewer, LOCKDOWN)
    poll = html.unescape(re.search(r'hx-get="([^"]*seen=[^"]*)"', page)[1])
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
    with django_assert_max_num_queries(30) as few:
        get(viewer, url.partition("?")[0], **dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair))
    fill(20)
    with django_assert_num_queries(len(few)):
        get(viewer, url.partition("?")[0], **dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair))


def ticks(page: str) -> list[str]:
    return re.findall(r'type="checkbox"[^>]*name="id"\s+value="(\w{32})"', page)


def test_ticked_environments_are_handed_to_a_batch_and_nothing_ticked_means_none():
    operator = factories.client("Operator")
    made = some()
    page = get(operator, LOCKDOWN)
    assert len(ticks(page)) == len(made) - 1  # not the gone one
    chosen = [made["past"].pk.hex, made["soon"].pk.hex]
    batch = get(operator, "/automations/batches/new/", id=["none", *chosen])
    assert "2 environments" in batch
    assert all(f'name="id" value="{identity}"' in batch for identity in chosen)
    assert sorted(names(get(operator, LOCKDOWN, id=["none", *chosen]))) == ["past", "soon"]
    assert names(get(operator, LOCKDOWN, id="none")) == []
    assert "0 environments" in get(operator, LOCKDOWN, id="none")


def test_all_that_match_are_handed_to_a_batch_by_name_where_a_status_chose_them():
    operator, url = factories.client("Operator"), "/automations/batches/new/?"
    made = some()
    whole = html.unescape(get(operator, LOCKDOWN, q="owner:ann"))
    assert f"{url}q=owner%3Aann" not in whole  # nothing matches, so there is nothing to hand on
    assert f'href="{url}action=environment.stop&phase=stopped"' in html.unescape(
        get(operator, LOCKDOWN, phase="stopped")
    )
    page = html.unescape(get(operator, LOCKDOWN, status="24h"))
    # of what fits, all an operator may
    assert f'href="{url}action=task.start&id=none&id={made["today"].pk.hex}"' in page


def test_of_a_status_no_more_are_handed_on_than_an_address_holds():
    for _ in range(101):
        factories.environment(lockdown_at=timezone.now() + HOUR)
    operator = factories.client("Operator")
    page = get(operator, LOCKDOWN, status="24h", size=100)
    assert "at most 100 can be taken" in page
    address = urlencode({"id": ["none", *ticks(page)]}, doseq=True)
    assert len(ticks(page)) == 100
    assert len(address) < 3800  # gunicorn takes lines of 4,094
    assert "100 environments" in operator.get(f"/automations/batches/new/?{address}").content.decode()


def test_those_who_may_not_run_tasks_choose_nothing(viewer):
    some()
    assert ticks(get(viewer, LOCKDOWN)) == []
    assert "Run a task" not in get(viewer, LOCKDOWN)


def test_a_line_offers_what_fits_its_status_and_says_why_not(viewer):
    audits.policies(lifetime=7, archive=3, delete=14)
    some()
    operator = factories.client("Operator")
    lockdown = get(operator, LOCKDOWN, q="running past")
    assert re.search(r'href="/environments/[^"]*/stop/">Stop…', lockdown)
    archive = get(factories.client("Admin"), ARCHIVE, q="left over")
    assert re.search(r'href="/environments/[^"]*/unarchive/">Unarchive…', archive)
    assert "Archive<" in archive
    assert "It is archived already." in archive
    assert "Your roles do not let you do this" in get(viewer, LOCKDOWN, q="running past")


def test_the_past_offers_nothing_to_do():
    audits.swept(timezone.now() - 9 * DAY, timezone.now() - HOUR)
    some()
    page = get(factories.client("Admin"), LOCKDOWN, as_of=(timezone.now() - timedelta(minutes=30)).isoformat())
    assert ticks(page) == []
    assert "/stop/" not in page


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
