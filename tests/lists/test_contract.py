"""What every list promises, whatever it lists. A list that is registered is tested here; see tests/lists/samples.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from environments.as_of.clock import written
from portal.accounts.roles import ROLES
from portal.exports.download import PERMISSION
from portal.lists.declaration import List, ListQuery
from portal.lists.facets import facets
from portal.lists.filters import Grouped
from portal.lists.query import canonical, read_query
from portal.lists.registry import LISTS, SAVABLE
from tests.lists.samples import SAMPLES, Sample
from tests.support import factories
from tests.support.audits import swept
from tests.support.exports import read
from tests.support.profiles import some

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "list"}
NONSENSE = "x" * 3001
# Lists that are not declared yet: a shorter set is progress, a longer one is not.
UNDECLARED_VIEWS: set[str] = set()
UNDECLARED_PAGING = {
    "environments/timeline/query.py",
}  # fmt: skip
NO_LISTS = {"audit_list"}  # the page that leads to the audits
every = pytest.mark.parametrize("listing", LISTS.values(), ids=list(LISTS))


@pytest.fixture
def reader() -> Client:
    """Somebody who may see all of every list, and take it along."""
    return factories.client("Admin")


def sample(listing: List) -> Sample:
    return SAMPLES[listing.page_url]


def address(listing: List, name: str, query: str = "") -> str:
    asked = QueryDict(query.removeprefix("?"), mutable=True)
    for parameter, value in sample(listing).always.items():
        asked.setdefault(parameter, value)
    return f"{reverse(name, kwargs=dict(sample(listing).of))}{'?' if query or asked else ''}{asked.urlencode()}"


def page(listing: List, client: Client, query: str = "", **headers: str) -> Any:
    answer = client.get(address(listing, listing.page_url, query), headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.context


def keys(context: Any) -> list[str]:
    return [str(row.pk) for row in context["page"].rows]


# --- what is registered


def test_every_list_has_a_sample() -> None:
    assert set(SAMPLES) == set(LISTS)


@every
def test_a_sample_has_a_value_for_each_filter(listing: List) -> None:
    sample(listing).make(1)
    assert set(sample(listing).filters) == set(listing.by_name)
    query = read_query(listing, QueryDict(urlencode(sample(listing).filters)), of=sample(listing).of)
    assert query.problems == ()
    assert set(query.values) == set(listing.by_name)


def views(patterns: list[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern.callback


def test_every_view_of_a_list_comes_from_its_declaration() -> None:
    for view in views(get_resolver().url_patterns):
        listing = getattr(view, "listing", None)
        if listing is not None:
            assert LISTS.get(listing.page_url) is listing, f"{listing.name} is not registered"
        elif view.__module__.partition(".")[0] in ("portal", "environments", "automations"):
            assert "list" not in view.__name__.split("_") or view.__name__ in UNDECLARED_VIEWS | NO_LISTS, view


def test_templates_of_lists_are_those_of_declared_ones() -> None:
    root = Path(settings.BASE_DIR, "templates")
    declared = {listing.template for listing in LISTS.values()}
    declared |= {re.findall(r'{% extends "([^"]*)" %}', (root / name).read_text())[0] for name in declared}
    for path in root.rglob("*.html"):
        if '{% extends "lists/page.html" %}' in path.read_text():
            assert str(path.relative_to(root)) in declared


def test_nothing_else_pages_through_rows() -> None:
    found = set()
    for top in ("portal", "environments", "automations"):
        for path in Path(settings.BASE_DIR, top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "portal.lists.keyset":
                    found |= {str(path.relative_to(settings.BASE_DIR)) for each in node.names if each.name == "page"}
            if re.search(r'get\("before", ""\)', path.read_text()):  # where a page of its own kind begins
                found.add(str(path.relative_to(settings.BASE_DIR)))
    assert found - {"portal/lists/declaration.py"} == UNDECLARED_PAGING


# --- addresses


@every
def test_what_makes_no_sense_is_explained_and_shows_no_rows(listing: List, reader: Client) -> None:
    """Rows that were not requested are not shown, counted or acted on; how rows are shown has a default."""
    sample(listing).make(2)
    how = dict.fromkeys(["sort", "page"], NONSENSE) | ({"size": "7"} if listing.sized else {})
    bad = dict.fromkeys(listing.by_name, NONSENSE) | ({"q": "nosuchword:1"} if listing.search else {})
    bad |= {"phse": "running"}
    context = page(listing, reader, "?" + urlencode(how | bad), **HTMX)
    typed = [problem.typed for problem in context["problems"]]
    assert {name for name in how | bad if any(text.startswith((f"{name}=", "nosuch")) for text in typed)} == {
        *how,
        *bad,
    }
    assert len(typed) == len(how | bad), typed
    shown = [page(listing, reader, query, **HTMX)["rows"] for query in ("", "?" + urlencode(how))]
    assert list(map(len, shown)) == [2, 2]
    for name, value in bad.items():
        query = read_query(listing, QueryDict(urlencode({name: value})), of=sample(listing).of)
        assert not query.page().rows, name
        assert urlencode({name: value}) in query.place.at(None), "no link forgets it, and then leads to every row"
    answer = reader.get(
        address(listing, listing.page_url, "?phse=running"), headers={**HTMX, "HX-Target": listing.swapped}
    )
    (correction,) = answer.context["corrections"]
    assert not answer.context["rows"]
    assert str(answer.context["total"] or 0) == "0"
    assert b"was not understood, so nothing is shown" in answer.content
    assert b'id="chosen"' not in answer.content
    assert ("phase=running" in correction.url) == ("phase" in listing.by_name)
    assert len(page(listing, reader, correction.without, **HTMX)["rows"]) == 2


@every
def test_each_chip_takes_off_its_condition_alone(listing: List, reader: Client) -> None:
    sample(listing).make(3)
    asked = dict(sample(listing).filters) | ({"q": sample(listing).search} if listing.search else {})
    shown = page(listing, reader, "?" + urlencode(asked), **HTMX)["chips"]
    chips = [str(chip) for chip in shown]
    chosen = [each for each in listing.filters if each.together or each.words([sample(listing).filters[each.name]])]
    assert len(chips) == len(chosen) + (len(sample(listing).search.split()) if listing.search else 0)
    always = {listing.by_name[name].label for name in sample(listing).always if name in listing.by_name}
    for chip in some(chip for chip in shown if chip.label not in always):
        left = [str(each) for each in page(listing, reader, chip.url, **HTMX)["chips"]]
        assert left == [each for each in chips if each != str(chip)], chip


@every
def test_words_that_a_filter_tells_as_well_are_that_filter(listing: List) -> None:
    """Typed or ticked, it is one state: the same rows, told by the filter alone, which the box then does not repeat."""
    sample(listing).make(3)
    for key in listing.search.keys.values() if listing.search else ():
        apart = replace(key, facet=lambda text: None)
        alone = replace(listing, search=replace(listing.search, keys={key.name: apart}))
        for word in key.values(""):
            name, value = key.facet(word) or ("", "")
            if name in listing.by_name:
                typed, ticked = asked(listing, q=f"otter {key.name}:{word}"), asked(listing, q="otter", **{name: value})
                assert (typed.typed, typed.values, typed.place) == ("otter", ticked.values, ticked.place), word
                before = asked(alone, q=f"{key.name}:{word}")
                assert not before.values
                found = asked(listing, **{name: value}).rows()
                assert {row.pk for row in found} == {row.pk for row in before.rows()}, (key.name, word)


def asked(listing: List, **parameters: str) -> ListQuery:
    return read_query(listing, QueryDict(urlencode(parameters)), of=sample(listing).of)


@every
def test_a_page_of_one_sort_follows_the_other_while_rows_come(listing: List, reader: Client) -> None:
    sample(listing).make(30)
    there = set(keys(page(listing, reader, "?size=100", **HTMX)))
    for sort in some(listing.by_sort):
        query, seen = f"?sort={sort}&size=25", []
        while query:
            context = page(listing, reader, query, **HTMX)
            seen += keys(context)
            query = context["next_url"]
            sample(listing).make(1)
        assert len(seen) == len(set(seen)), sort
        assert there <= set(seen), sort
        there = set(seen)


@every
def test_previous_leads_back(listing: List, reader: Client) -> None:
    sample(listing).make(30)
    first = page(listing, reader, "?size=25", **HTMX)
    if first["next_url"] is None:
        assert listing.pages  # all of a batch
        return
    second = page(listing, reader, first["next_url"], **HTMX)
    assert keys(page(listing, reader, second["previous_url"], **HTMX)) == keys(first)


@every
def test_what_is_saved_is_what_the_list_writes(listing: List) -> None:
    data = QueryDict(urlencode({**sample(listing).filters, "sort": list(listing.by_sort)[-1], "page": "gone"}))
    written_query = canonical(listing, data)
    assert canonical(listing, QueryDict(written_query)) == written_query
    assert "page=" not in written_query
    assert listing.saved == (listing.page_url in SAVABLE)
    assert not (listing.saved and sample(listing).of)


# --- numbers


@every
def test_more_rows_take_no_more_queries(listing: List, reader: Client) -> None:
    used = []
    for number in (30, 30):
        sample(listing).make(number)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(listing, reader, "?size=25", **HTMX)
        used.append(len(captured))
    assert used[0] == used[1]


@every
def test_the_numbers_of_facets_are_those_of_the_list(listing: List, reader: Client) -> None:
    if not listing.facets:
        return
    always = sample(listing).always
    query = read_query(listing, QueryDict(urlencode(always)), of=sample(listing).of)
    facets(query)  # they are not kept for rows that come afterwards
    sample(listing).make(3)
    for facet in facets(query):
        for option in facet.options if facet.name not in always else ():
            total = page(listing, reader, "?" + urlencode({facet.name: option.value}))["total"]
            assert total.count == option.count, option


@every
def test_facets_are_a_fragment_and_their_names_can_be_looked_up(listing: List, reader: Client) -> None:
    if not listing.facets_url:
        return
    sample(listing).make(3)
    answer = reader.get(address(listing, listing.facets_url))
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    for name, each in listing.by_name.items():
        if isinstance(each.facet, Grouped) and each.facet.find:
            query = urlencode({"of": name, f"find-{name}": "nobody is called this"})
            assert b"No such name" in reader.get(address(listing, listing.facets_url, f"?{query}")).content


# --- the file


@every
def test_the_file_has_the_rows_of_the_list_in_its_order(listing: List, reader: Client) -> None:
    if not listing.export_url:
        return
    sample(listing).make(30)
    for sort in some(listing.by_sort):
        query, listed = f"?sort=-{sort}&size=25", []
        while query:
            context = page(listing, reader, query, **HTMX)
            listed += [str(getattr(row, sample(listing).key)) for row in context["page"].rows]
            query = context["next_url"]
        file = read(reader, address(listing, listing.export_url, f"?sort=-{sort}"))
        assert list(map(str, file.column(sample(listing).key))) == listed, sort
        assert file.head["rows"] == len(listed)
    refused = reader.get(address(listing, listing.export_url, "?format=csv&sort=nothing"))
    assert refused.status_code == 400
    assert b"there is no such column" in refused.content


# --- who and when


@every
def test_only_those_who_may_see_the_rows_see_the_list(listing: List) -> None:
    sample(listing).make(1)
    needed = {name: listing.permissions for name in (listing.page_url, listing.changes_url, listing.facets_url) if name}
    needed |= {listing.export_url: (*listing.permissions, PERMISSION)} if listing.export_url else {}
    users = {role: factories.user(role) for role in ("", *ROLES)}
    clients = {role: factories.signed_in_as(user) for role, user in users.items()}
    for name, permissions in needed.items():
        url = address(listing, name, "?format=json")
        assert Client().get(url).status_code == 302
        for role, user in users.items():
            answer = clients[role].get(url, headers=HTMX)
            assert answer.status_code == (200 if user.has_perms(permissions) else 403), (name, role)
            b"".join(answer) if answer.streaming else None


@every
def test_an_open_page_is_told_only_of_what_changed(listing: List, reader: Client) -> None:
    if not listing.change_token:
        return
    sample(listing).make(2)
    opened = page(listing, reader)
    url = opened["changes_url"]
    assert reader.get(url, headers=HTMX).status_code == 204
    sample(listing).make(1)
    news = reader.get(url, headers=HTMX)
    assert news.status_code == 200
    assert b"<html" not in news.content
    assert "HX-Push-Url" not in news
    for row in re.findall(
        r"<tr.*?</tr>", news.content.decode().partition("list-table")[2].partition("<tbody>")[2], re.DOTALL
    ):
        assert ' id="' in row, f"no other row is taken for it: {row}"
    if opened["listing"].pages:
        return
    now, shown = keys(page(listing, reader)), keys(news.context)
    assert shown[: len(keys(opened))] == keys(opened), "rows stay in their places"
    assert news.context["news"].count == len(set(now).difference(shown)), "what is above them waits"
    assert (keys(reader.get(news.context["show_url"], headers=HTMX).context), set(shown) <= set(now)) == (now, True)


@every
def test_the_past_is_shown_where_it_is_offered(listing: List, reader: Client) -> None:
    sample(listing).make(2)
    then = {"as_of": written(timezone.now() - timedelta(days=1))}
    is_offered = bool(listing.as_of(then["as_of"]).problems)
    refused = page(listing, reader, "?" + urlencode(then))
    assert refused["title"] == "This time cannot be shown"
    assert "page" not in refused
    swept(timezone.now() - timedelta(days=2), timezone.now() - timedelta(hours=25))
    if not is_offered:
        assert page(listing, reader, "?" + urlencode(then))["title"] == "Not recorded over time"
        return
    shown = page(listing, reader, "?" + urlencode(then))
    assert shown["problems"] == ()
    assert shown["changes_url"] == ""
    assert urlencode(then) in shown["here"]
    assert canonical(listing, QueryDict(urlencode(then))) == urlencode(then)
    assert len(page(listing, reader)["rows"]) == 2
