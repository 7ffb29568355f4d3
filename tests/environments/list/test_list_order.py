"""Sorting and paging over HTTP, and what hand-edited addresses do."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from environments.list.list import ENVIRONMENTS
from environments.models import Environment
from tests.support import factories
from tests.support.databases import SharedRows
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db
URL = "/environments/"
ANYTHING = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def _sixty() -> list[Environment]:
    made = factories.environments(57, seed=5)
    blank = [
        factories.environment(name="", owner_name="", phase="", created_at=None, active_at=None, last_started_at=None)
        for _ in range(3)
    ]
    return made + blank


_SIXTY = SharedRows(_sixty, "environments_", "directory_")


@pytest.fixture
def fleet(db: None) -> list[Environment]:
    """60 rows with ties and rows without a value in every column."""
    return _SIXTY.put()


def walk(client: Client, query: str, direction: str) -> Iterator[tuple[str, list[str]]]:
    """The query and the ids of each page on the way through the list."""
    while True:
        page = client.get(URL + query, headers={"HX-Request": "true", "HX-Target": "list"}).content.decode()
        yield query, re.findall(r'<a id="e([0-9a-f]{32})"', page)
        found = re.search(rf'rel="{direction}"\s+id="[^"]*"\s+href="([^"]*)"', page)
        if not found:
            return
        query = html.unescape(found[1])


def pages(client: Client, query: str, direction: str) -> Iterator[list[str]]:
    return (ids for _, ids in walk(client, query, direction))


@pytest.mark.parametrize("sort", [sign + name for name in ENVIRONMENTS.by_sort for sign in ("", "-")])
def test_every_column_sorts_in_both_directions_over_all_pages(
    viewer: Client, fleet: list[Environment], sort: str
) -> None:
    query = "?" + urlencode({"sort": sort, "size": 25, "gone": "yes"})
    walked = list(walk(viewer, query, "next"))
    forward = [identity for _, page in walked for identity in page]
    backward = list(pages(viewer, walked[-1][0], "prev"))
    assert len(forward) == len(set(forward)) == 60
    assert set(forward) == {identity for page in backward for identity in page}
    assert backward[-1] == forward[:25]
    key = ENVIRONMENTS.by_sort[sort.removeprefix("-")].key
    values = {row.pk.hex: row.value for row in Environment.objects.annotate(value=key)}
    shown = [values[identity] for identity in forward]
    present = [value for value in shown if value not in ("", None)]
    assert present == sorted(present, reverse=sort.startswith("-"))
    assert all(value in ("", None) for value in shown[len(present) :])


def test_the_heading_tells_the_direction_and_turns_it(viewer: Client) -> None:
    factories.environment()
    page = viewer.get(f"{URL}?sort=name").content.decode()
    assert re.search(r'class="list-name"\s+aria-sort="ascending"><a href="\?sort=-name"', page)
    assert re.search(r'class="list-owner"\s+aria-sort="none"><a href="\?sort=owner"', page)
    assert re.search(r'class="list-last_used"\s+aria-sort="none"><a href="\?"', page)


def total(client: Client, query: str) -> str:
    page = client.get(URL + query).content.decode()
    return " ".join(re.sub("<[^>]*>", "", re.findall(r'<p class="list-total".*?</p>', page, re.DOTALL)[0]).split())


def test_totals_are_exact_for_small_lists(viewer: Client, fleet: list[Environment]) -> None:
    """How they are capped for large ones: test_list_speed.py."""
    present = Environment.objects.present().count()
    assert total(viewer, "?size=100") == f"{present} environments"
    assert total(viewer, "?size=25") == f"1–25 of {present} environments"


def test_a_page_of_what_has_gone_says_so(viewer: Client, fleet: list[Environment]) -> None:
    second = next(
        iter(re.findall(r'rel="next"\s+id="[^"]*"\s+href="([^"]*)"', viewer.get(f"{URL}?size=25").content.decode()))
    )
    Environment.objects.update(gone_at=timezone.now())
    page = viewer.get(URL + html.unescape(second)).content.decode()
    assert "Nothing beyond this point" in page


@pytest.mark.parametrize(
    ("query", "explained"),
    [
        ("sort=name;drop table", "there is no such column"),
        ("sort=id", "there is no such column"),
        ("size=1000000", "takes 25, 50 or 100"),
        ("page=zzz", "not a place in this list"),
        ("owner=1234", "takes ids, or none"),
        ("phase=runing", "Did you mean running?"),
        ("lockdown=soon", "takes past, 24h, 7d or none"),
        ("flag=nice", "takes failing, failed"),
        ("archived=maybe", "takes yes or no"),
        ("idle=0", "takes a number of days"),
        ("idle=99999999999999999999", "takes a number of days"),
        ("idle=²", "takes a number of days"),
        ("&".join(f"phase=p{n}" for n in range(200)), "takes at most 100 values"),
    ],
)
def test_a_hand_edited_address_is_explained(viewer: Client, query: str, explained: str) -> None:
    factories.environment()
    response = viewer.get(f"{URL}?{query}")
    assert response.status_code == 200
    assert explained in response.content.decode()
    is_about_rows = query.split("=")[0] not in ("sort", "size", "page")
    assert ("quiet-otter" in response.content.decode()) != is_about_rows, "what is unclear shows no rows"


NAMES = st.sampled_from(["q", *ENVIRONMENTS.by_name, "sort", "size", "page", "of", "find-owner", "seen", "facets"])
ODD = (
    "none past running -name owner is:failing id:f idle:>99999w lockdown:<99999w created:<99999w port:0 % \\ gone:only"
    " 100 yes environment_phase_\0 1e9 ² ٣"
)
VALUES = ANYTHING | st.sampled_from(["\0", 'a" -', "-" * 20, "id:" + "f" * 40, *ODD.split(" ")])


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.sampled_from(["", "facets/", "changes/"]))
@example([("idle", "²")], "")
@example([("q", "idle:>99999w created:<99999w lockdown:<99999w")], "")
@example([("of", "owner"), ("find-owner", "\0")], "facets/")
def test_no_query_string_breaks_a_page(viewer: Client, pairs: list[tuple[str, str]], path: str) -> None:
    assert viewer.get(f"{URL}{path}?{urlencode(pairs)}").status_code in (200, 204)


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_no_bytes_in_the_address_break_a_page(viewer: Client, noise: bytes) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in noise)
    assert viewer.get(f"{URL}?q={quoted}&owner={quoted}&{quoted}&page={quoted}").status_code == 200


def test_rows_that_come_while_paging_do_not_shift_the_next_page(viewer: Client, fleet: list[Environment]) -> None:
    query = "?" + urlencode({"sort": "name", "size": 25})
    before = [identity for page in pages(viewer, query, "next") for identity in page]
    anew = pages(viewer, query, "next")
    first = next(anew)
    for _ in range(30):
        factories.environment(name="0 before all others", created_at=timezone.now() - timedelta(days=1))
    assert first + [identity for page in anew for identity in page] == before
