from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Environment, Phase, SyncRun
from portal.directory.models import Member, Project
from tests.support import factories

pytestmark = pytest.mark.django_db
URL = "/environments/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def names(client: Client, query: str = "", **parameters: object) -> list[str]:
    """The names on the page, in order."""
    return names_in(get(client, query, **parameters))


def get(client: Client, query: str = "", **parameters: object) -> str:
    response = client.get(URL + (query or "?" + urlencode(parameters, doseq=True)))
    assert response.status_code == 200
    return response.content.decode()


def names_in(page: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<a id="e[0-9a-f]{32}" href="[^"]*">([^<]*)</a>', page)]


def chip_links(page: str) -> dict[str, str]:
    """The text of each chip, and the address without it."""
    found = re.findall(r'<a class="chip"\s+href="([^"]*)".*?title="Remove">(.*?)<svg', page, re.DOTALL)
    return {" ".join(re.sub(r"<[^>]*>", " ", text).split()): html.unescape(url) for url, text in found}


def test_a_row_tells_at_a_glance_what_an_environment_is(viewer: Client) -> None:
    made = factories.environment(
        name="quiet-otter",
        git_repository="https://github.com/acme/shop.git",
        git_branch="feat/x",
        creator_id=uuid.uuid4(),
        owner_name="Ann Lee",
        project_name="Shop",
        project_id=uuid.uuid4(),
        class_name="Large",
        class_id=uuid.uuid4(),
        active_at=timezone.now() - timedelta(minutes=5),
        lockdown_at=timezone.now() + timedelta(hours=5, minutes=30),
    )
    page = get(viewer)
    assert f'href="/environments/{made.pk}/">quiet-otter</a>' in page
    for text in ("running", "acme/shop", "feat/x", "Ann Lee", "Shop", "Large", "5 min ago", "in 5 h"):
        assert text in page
    assert f"/members/{made.creator_id}/" in page


def test_flags_say_what_deserves_a_look_and_lead_to_all_alike(viewer: Client) -> None:
    factories.environment(failure="image not found", open_to_everyone=True, timeout=timedelta(0))
    factories.environment(name="tidy")
    page = get(viewer)
    for flag in ("failing", "open", "never-stops"):
        assert f'href="?flag={flag}"' in page
        assert names(viewer, flag=flag) == ["quiet-otter"]
    assert 'title="image not found"' in page
    assert names(viewer, flag="unpushed") == []


def test_what_is_not_known_is_not_shown_as_nothing(viewer: Client) -> None:
    factories.environment(phase="", created_at=None, last_started_at=None, active_at=None, name="")
    page = get(viewer)
    assert page.count("unknown") >= 4


FILTERS = [
    ({"phase": "stopped"}, {"phase": Phase.STOPPED}),
    ({"phase": ["stopped", "deleting"]}, {"phase": Phase.DELETING}),
    ({"phase": "environment_phase_hibernating"}, {"phase": "ENVIRONMENT_PHASE_HIBERNATING"}),
    ({"phase": "unknown"}, {"phase": ""}),
    ({"q": "phase:stopped,updating"}, {"phase": Phase.UPDATING}),
    ({"q": "phase:ENVIRONMENT_PHASE_HIBERNATING"}, {"phase": "ENVIRONMENT_PHASE_HIBERNATING"}),
    ({"archived": "yes"}, {"archived_at": timezone.now()}),
    ({"q": "is:archived"}, {"archived_at": timezone.now()}),
    ({"lockdown": "past"}, {"lockdown_at": timezone.now() - timedelta(days=1)}),
    ({"lockdown": "24h"}, {"lockdown_at": timezone.now() + timedelta(hours=3)}),
    ({"lockdown": "7d"}, {"lockdown_at": timezone.now() + timedelta(days=3)}),
    ({"q": "lockdown:past"}, {"lockdown_at": timezone.now() - timedelta(days=1)}),
    ({"q": "lockdown:<7d"}, {"lockdown_at": timezone.now() + timedelta(days=3)}),
    ({"q": "-lockdown:none"}, {"lockdown_at": timezone.now() + timedelta(days=99)}),
    ({"q": "lockdown:>7d"}, {"lockdown_at": timezone.now() + timedelta(days=99)}),
    ({"idle": "30"}, {"active_at": None, "last_started_at": timezone.now() - timedelta(days=31)}),
    ({"q": "idle:>30d"}, {"active_at": None, "last_started_at": timezone.now() - timedelta(days=31)}),
    ({"q": "-idle:<30d"}, {"active_at": None, "last_started_at": timezone.now() - timedelta(days=31)}),
    ({"q": "created:<2h"}, {"created_at": timezone.now() - timedelta(hours=1)}),
    ({"q": "created:>3w"}, {"created_at": timezone.now() - timedelta(days=30)}),
    ({"flag": "failing"}, {"failure": "x"}),
    ({"q": "is:failing"}, {"failure": "x"}),
    ({"flag": "unpushed"}, {"unpushed_commits": 2}),
    ({"q": "is:unpushed"}, {"changed_files": 2}),
    ({"flag": "open"}, {"open_to_everyone": True}),
    ({"q": "port:everyone"}, {"open_to_everyone": True}),
    ({"q": "port:8080"}, {"shared_ports": [3000, 8080]}),
    ({"flag": "never-stops"}, {"timeout": timedelta(0)}),
    ({"flag": "not-in-sync"}, {"secrets_in_sync": False}),
    ({"q": "is:not-in-sync"}, {"spec_version": 9}),
    ({"role": "prebuild"}, {"role": "ENVIRONMENT_ROLE_PREBUILD"}),
    ({"q": "role:workflow"}, {"role": "ENVIRONMENT_ROLE_WORKFLOW"}),
    ({"q": "owner:ann"}, {"owner_name": "Ann Lee"}),
    ({"q": "owner:ANN@"}, {"owner_email": "ann@acme.example"}),
    ({"q": "-owner:none"}, {"owner_name": "Ann Lee", "owner_email": "x"}),
    ({"q": 'project:"my proj"'}, {"project_name": "My project"}),
    ({"q": "repo:petclinic"}, {"git_repository": "https://github.com/acme/petclinic"}),
    ({"q": "repo:petclinic"}, {"context_url": "https://github.com/acme/petclinic"}),
    ({"q": "branch:main"}, {"spec_branch": "main"}),
    ({"q": "class:large"}, {"class_name": "Large"}),
    ({"q": "runner:aws"}, {"runner_name": "AWS eu"}),
    ({"q": "name:fox"}, {"name": "red-fox"}),
    ({"q": "MANIFEST"}, {"failure": "manifest unknown"}),
    ({"q": "ménard"}, {"owner_name": "Hugo MÉNARD"}),
    ({"q": "100%"}, {"name": "100% done"}),
    ({"q": "a_b"}, {"name": "a_b"}),
    ({"q": r"c\d"}, {"name": r"c\d"}),
    ({"q": "id:abc"}, {"id": uuid.UUID("abc00000-0000-4000-8000-000000000001")}),
    ({"q": "abc00000-0000-4000"}, {"id": uuid.UUID("abc00000-0000-4000-8000-000000000001")}),
    ({"gone": "only"}, {"gone_at": timezone.now()}),
    ({"q": "gone:only"}, {"gone_at": timezone.now()}),
]


@pytest.mark.parametrize(("query", "columns"), FILTERS, ids=[str(query) for query, _ in FILTERS])
def test_a_filter_finds_what_it_names_and_nothing_else(viewer: Client, query: dict, columns: dict) -> None:
    other = factories.environment(name="a-b other", id=uuid.UUID("def00000-0000-4000-8000-000000000001"))
    wanted = factories.environment(**columns)
    page = get(viewer, **query)
    assert f"e{wanted.pk.hex}" in page
    assert f"e{other.pk.hex}" not in page


@pytest.mark.parametrize(
    ("parameter", "column"),
    [("owner", "creator_id"), ("project", "project_id"), ("runner", "runner_id"), ("class", "class_id")],
)
def test_people_and_things_are_picked_by_id_or_as_none(viewer: Client, parameter: str, column: str) -> None:
    mine, other = uuid.uuid4(), uuid.uuid4()
    for name, value in (("mine", mine), ("other", other), ("nobody's", None)):
        factories.environment(name=name, **{column: value})
    assert names(viewer, **{parameter: mine}) == ["mine"]
    assert sorted(names(viewer, **{parameter: [mine, "none"]})) == ["mine", "nobody's"]
    assert names(viewer, **{parameter: "none"}) == ["nobody's"]


def test_gone_environments_are_hidden_unless_asked_for(viewer: Client) -> None:
    factories.environment(name="here")
    factories.environment(name="gone", gone_at=timezone.now())
    assert names(viewer) == ["here"]
    assert sorted(names(viewer, gone="yes")) == ["gone", "here"]
    assert sorted(names(viewer, q="gone:yes")) == ["gone", "here"]


def test_negation_finds_rows_without_a_value_too(viewer: Client) -> None:
    factories.environment(name="no limit", lockdown_at=None)
    factories.environment(name="past", lockdown_at=timezone.now() - timedelta(days=1))
    assert names(viewer, q="-lockdown:past") == ["no limit"]


def test_ticks_words_and_flags_compose(viewer: Client) -> None:
    owner = uuid.uuid4()
    factories.environment(name="both", creator_id=owner, failure="x", phase=Phase.STOPPED)
    factories.environment(name="tidy", creator_id=owner, phase=Phase.STOPPED)
    factories.environment(name="other", failure="x", phase=Phase.STOPPED)
    factories.environment(name="both too", creator_id=owner, failure="x")
    assert names(viewer, owner=owner, flag="failing", phase="stopped", q="both -too") == ["both"]


def test_each_condition_is_a_chip_that_can_be_taken_off(viewer: Client) -> None:
    owner = Member.objects.create(id=uuid.uuid4(), name="Ann <b>", first_seen_at=timezone.now(), seen_at=timezone.now())
    factories.environment(name="one", creator_id=owner.pk, failure="x")
    page = get(viewer, owner=owner.pk, flag="failing", q="-is:open one is:failing", sort="name", size=25)
    chips = chip_links(page)
    assert list(chips) == ["-is:open", "one", "Issues: failing", "Owner: Ann &lt;b&gt;"]
    assert chips["one"] == f"?q=-is%3Aopen&flag=failing&owner={owner.pk}&sort=name&size=25"
    assert chips["Issues: failing"] == f"?q=-is%3Aopen+one&owner={owner.pk}&sort=name&size=25"
    for url in chips.values():
        assert names(viewer, url) == ["one"]


def test_a_chip_names_what_the_directory_does_not_know_from_the_environments(viewer: Client) -> None:
    known, unknown = uuid.uuid4(), uuid.uuid4()
    factories.environment(creator_id=known, owner_name="A service")
    assert {"Owner: A service", f"Owner: {str(unknown)[:8]}…"} <= set(chip_links(get(viewer, owner=[known, unknown])))


@pytest.mark.parametrize(
    ("typed", "explained"),
    [
        ("fase:running", "unknown word fase:. Did you mean phase:?"),
        ("phase:runing", "Did you mean running?"),
        ("lockdown:soon", "lockdown: takes &lt;7d, &gt;7d, past or none"),
        ("idle:30", "takes a time such as &lt;7d"),
        ("port:99999", "takes a port number"),
        ("id:xyz", "takes an environment&#x27;s id or its beginning"),
        ('owner:"ann', "the quotation mark is never closed"),
    ],
)
def test_a_broken_search_is_explained_and_kept(viewer: Client, typed: str, explained: str) -> None:
    factories.environment(name="one")
    page = get(viewer, q=f"{typed} ")
    assert explained in page
    assert f'value="{html.escape(typed)}"' in page
    assert "was not understood, so nothing is shown" in page
    assert ">one</a>" not in page


def test_hostile_names_are_only_text(viewer: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    project = Project.objects.create(
        id=uuid.uuid4(), name=hostile, first_seen_at=timezone.now(), seen_at=timezone.now()
    )
    factories.environment(
        name=hostile, owner_name=hostile, project_name=hostile, project_id=project.pk, class_name=hostile,
        failure=hostile, git_repository=f"javascript:{hostile}", git_branch=hostile, phase=hostile,
    )  # fmt: skip
    for path in (f"?project={project.pk}&q={hostile}&facets=yes&phase={hostile}", f"facets/?project={project.pk}"):
        page = viewer.get(URL + path).content.decode()
        assert "<script>alert" not in page
        assert 'href="javascript:' not in page


# --- the two empty states


def test_before_the_first_sweep_the_page_says_so(viewer: Client) -> None:
    assert "No sync has completed yet" in get(viewer)


def test_after_a_failed_sweep_the_page_says_why(viewer: Client) -> None:
    SyncRun.objects.create(
        kind="environments",
        state="failed",
        started_at=timezone.now(),
        error="the token <is> refused",
        error_code="unauthenticated",
    )
    page = get(viewer)
    assert "The last sync failed" in page
    assert "Ona rejects the token" in page
    assert "the token &lt;is&gt; refused" not in page, "every page says it once already"
    SyncRun.objects.update(error_code="unreachable")
    assert "the token &lt;is&gt; refused" in get(viewer)


def test_an_empty_organization_is_told_from_a_missing_sweep(viewer: Client) -> None:
    SyncRun.objects.create(kind="environments", state="succeeded", started_at=timezone.now())
    assert "succeeded and found none" in get(viewer)


def test_when_nothing_matches_the_chips_are_there_to_take_off(viewer: Client) -> None:
    factories.environment()
    page = get(viewer, phase="stopped")
    assert "Nothing matches" in page
    assert list(chip_links(page)) == ["Phase: stopped"]


# --- fragments, news, permission


def test_typing_swaps_the_list_alone_and_links_swap_the_filters_too(viewer: Client) -> None:
    factories.environment()
    listed = viewer.get(URL, headers=HTMX | {"HX-Target": "list"})
    body = viewer.get(URL, headers=HTMX | {"HX-Target": "environments"})
    assert b'id="list"' in listed.content
    assert b'id="q"' not in listed.content
    assert b'id="q"' in body.content
    assert b"<html" not in body.content
    assert "HX-Request" in listed["Vary"]


def test_going_back_gets_the_whole_page(viewer: Client) -> None:
    page = viewer.get(URL, headers=HTMX | {"HX-History-Restore-Request": "true", "HX-Target": "list"})
    assert b"<html" in page.content


def test_the_address_holds_what_is_set_and_nothing_empty(viewer: Client) -> None:
    query = "?q=&phase=running&sort=&lockdown=&size=50&find-owner=x"
    pushed = viewer.get(URL + query, headers=HTMX | {"HX-Target": "list"})
    assert pushed["HX-Push-Url"] == "/environments/?phase=running"
    typed = viewer.get(URL + "?q=a", headers=HTMX | {"HX-Target": "list", "HX-Trigger-Name": "q"})
    assert typed["HX-Replace-Url"] == "/environments/?q=a"
    assert "HX-Push-Url" not in typed


def changes_url(page: str) -> str:
    return html.unescape(re.findall(r'hx-get="(/environments/changes/[^"]*)"', page)[0])


def test_an_open_page_is_told_only_when_something_changed(viewer: Client) -> None:
    made = factories.environment(name="before")
    url = changes_url(get(viewer, sort="name"))
    assert viewer.get(url).status_code == 204
    Environment.objects.filter(pk=made.pk).update(name="after", changed_at=timezone.now())
    news = viewer.get(url)
    assert names_in(news.content.decode()) == ["after"]
    assert viewer.get(changes_url(news.content.decode())).status_code == 204


def test_a_change_stamped_before_another_but_committed_after_it_is_told(viewer: Client) -> None:
    now = timezone.now()
    factories.environment(name="first", changed_at=now)
    url = changes_url(get(viewer))
    factories.environment(name="late", changed_at=now - timedelta(seconds=2))
    assert viewer.get(url).status_code == 200


@pytest.mark.parametrize("query", ["", "?sort=name", "?q=petclinic", "?phase=running&flag=failing"])
def test_the_list_takes_eight_queries_for_20_rows(viewer: Client, query: str, django_assert_num_queries) -> None:
    """One more for 20,000, which are counted: see test_list_speed."""
    factories.environments(20)
    with django_assert_num_queries(8):
        viewer.get(URL + query, headers=HTMX | {"HX-Target": "list"})


@pytest.mark.parametrize("path", ["", "facets/", "changes/"])
def test_the_list_is_for_those_who_may_see_environments(path: str) -> None:
    assert Client().get(URL + path).status_code == 302
    assert factories.client("").get(URL + path).status_code == 403
    assert factories.client("Auditor").get(URL + path).status_code == 200


def test_everything_works_without_scripts(viewer: Client) -> None:
    factories.environment(name="one")
    factories.environment(name="two", phase=Phase.STOPPED)
    page = get(viewer)
    assert 'action="/environments/"' in page
    assert 'href="?facets=yes"' in page
    with_filters = get(viewer, facets="yes")
    assert re.search(r'<input type="checkbox"\s+name="phase"\s+value="stopped"\s+id="phase-stopped"', with_filters)
    assert re.search(r"<noscript>\s*<button", with_filters)
    assert names(viewer, "?facets=yes&q=&phase=stopped&archived=&idle=") == ["two"]
