from __future__ import annotations

import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from environments.list.list import ENVIRONMENTS
from environments.models import Phase
from portal.directory.models import Member
from portal.lists.facets import facets
from portal.lists.query import read_query
from tests.support import factories

pytestmark = pytest.mark.django_db
COLUMN = {"owner": "creator_id", "project": "project_id", "runner": "runner_id", "class": "class_id"}


def counts(query: str = "") -> dict[str, dict[str, int]]:
    return {
        facet.name: {option.value: option.count for option in facet.options}
        for facet in facets(read_query(ENVIRONMENTS, QueryDict(query)))
    }


def test_each_facet_counts_its_values() -> None:
    now = timezone.now()
    factories.environment(phase=Phase.RUNNING, failure="x", lockdown_at=now - timedelta(days=1))
    factories.environment(phase=Phase.RUNNING, archived_at=now, lockdown_at=now + timedelta(hours=2))
    factories.environment(
        phase=Phase.STOPPED, active_at=None, last_started_at=now - timedelta(days=40), timeout=timedelta(0)
    )
    factories.environment(phase=Phase.STOPPED, gone_at=now)
    found = counts()
    assert found["phase"] == {"running": 2, "stopped": 1}
    assert found["archived"] == {"no": 2, "yes": 1}
    assert found["lockdown"] == {"past": 1, "24h": 1, "7d": 1, "none": 1}
    assert found["idle"] == {"7": 1, "30": 1, "90": 0}
    assert {word for word, count in found["flag"].items() if count} == {"failing", "never-stops"}
    assert found["role"] == {"default": 3}
    assert found["owner"] == {"none": 3}


def test_counts_respect_the_other_filters_but_not_their_own() -> None:
    factories.environment(phase=Phase.RUNNING, failure="x")
    factories.environment(phase=Phase.RUNNING)
    factories.environment(phase=Phase.STOPPED, failure="x")
    found = counts("phase=running")
    assert found["phase"] == {"running": 2, "stopped": 1}
    assert found["flag"]["failing"] == 1
    found = counts("phase=running&flag=failing&q=quiet")
    assert found["phase"] == {"running": 1, "stopped": 1}
    assert found["archived"] == {"no": 1, "yes": 0}


def test_a_word_that_is_typed_is_ticked_and_taken_off_by_its_tick() -> None:
    factories.environment(open_to_everyone=True)
    viewer = factories.client()
    for text, name, value in (("port:everyone", "port", "everyone"), ("is:opens", "flag", "opens")):
        page = viewer.get("/environments/", {"q": f"quiet {text}", "facets": "yes"}).content.decode()
        ticked = re.findall(r'name="(\w+)"\s+value="(\w+)"\s+id="[^"]*" checked', page)
        assert (name, value) in ticked, "unticked, the form sends neither"
        assert re.search(r'name="q"\s+value="quiet"', page)
        typed = viewer.get(
            "/environments/", {"q": f"quiet {text}"}, headers={"HX-Request": "true", "HX-Target": "list"}
        )
        assert f'data-words="quiet" data-moved="{name}={value}"' in typed.content.decode(), "list.js does so there"
    queries = {"phase:running,stopped": "phase=running&phase=stopped", "is:failing,open": "q=is%3Afailing%2Copen"}
    queries |= {"-phase:running": "q=-phase%3Arunning", "is:archived idle:>14d": "archived=yes&idle=14"}
    queries |= {"phase:running phase:stopped": "q=phase%3Astopped&phase=running"}
    for text, query in queries.items():
        assert str(read_query(ENVIRONMENTS, QueryDict(urlencode({"q": text}))).place) == f"?{query}"


@pytest.mark.parametrize("name", list(COLUMN))
def test_the_most_frequent_names_are_shown_and_the_selected_ones(name: str) -> None:
    ids = [uuid.uuid4() for _ in range(12)]
    for number, identity in enumerate(ids):
        for _ in range(number + 1):
            factories.environment(**{COLUMN[name]: identity})
    (facet,) = (f for f in facets(read_query(ENVIRONMENTS, QueryDict(f"{name}={ids[0]}"))) if f.name == name)
    assert [option.count for option in facet.options] == [12, 11, 10, 9, 8, 7, 6, 5, 1]
    assert [option.selected for option in facet.options] == [False] * 8 + [True]
    assert facet.more == 3


def test_names_beyond_the_most_frequent_are_found_by_typing_and_ticks_stay() -> None:
    now = timezone.now()
    ann, bo, eve = (
        Member.objects.create(id=uuid.uuid4(), name=name, first_seen_at=now, seen_at=now)
        for name in ("Ann", "Bo", "Eve")
    )
    for member in (ann, bo, eve):
        factories.environment(creator_id=member.pk)
    page = factories.client().get(f"/environments/facets/?of=owner&find-owner=ANN&owner={bo.pk}").content.decode()
    assert str(ann.pk) in page
    assert str(eve.pk) not in page
    assert re.search(rf'value="{bo.pk}"\s+id="owner-{bo.pk}" checked', page)


def test_a_number_of_days_that_is_not_offered_stays_selected() -> None:
    found = counts("idle=14")
    assert list(found["idle"]) == ["7", "14", "30", "90"]


def test_counts_are_not_kept_beyond_a_change() -> None:
    factories.environment()
    assert counts()["phase"] == {"running": 1}
    factories.environment(changed_at=timezone.now() + timedelta(seconds=1))
    assert counts()["phase"] == {"running": 2}


def test_counts_take_as_many_queries_for_a_large_fleet_as_for_a_small_one(django_assert_num_queries) -> None:
    for number in (20, 2000):
        factories.environments(number, seed=number)
        # one for the revision, two for the counts, one for each kind of name
        with django_assert_num_queries(7):
            counts()
        # one more for each facet with a selection
        with django_assert_num_queries(8):
            counts("phase=running&flag=failing")


def test_without_the_cache_counts_are_counted_anew(settings, viewer: Client) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:9/0"},
    }
    factories.environment()
    assert counts()["phase"] == {"running": 1}
    assert viewer.get("/environments/facets/").status_code == 200


@pytest.fixture
def viewer() -> Client:
    return factories.client()
