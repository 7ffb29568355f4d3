"""Every registered list over the REST API: what its page promises, in JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.as_of.clock import written
from portal.accounts.roles import ROLES
from portal.api.listing import url_name
from portal.lists.declaration import List
from portal.lists.query import read_query
from portal.lists.registry import LISTS
from tests.api.documented import check
from tests.lists.samples import SAMPLES
from tests.support import factories
from tests.support.audits import swept
from tests.support.databases import undone
from tests.support.exports import read

pytestmark = pytest.mark.django_db
every = pytest.mark.parametrize("listing", LISTS.values(), ids=list(LISTS))


@pytest.fixture
def reader() -> Client:
    """Somebody who may see every list, everybody's jobs too, and take it along."""
    return factories.client("Admin")


def address(listing: List, **asked: Any) -> str:
    sample = SAMPLES[listing.page_url]
    query = urlencode({**sample.always, **asked}, doseq=True)
    return f"{reverse(f'api:{url_name(listing)}', kwargs=dict(sample.of))}?{query}"


def get(client: Client, url: str, status: int = 200) -> Any:
    answer = client.get(url)
    assert answer.status_code == status, answer.content
    kind = "application/json" if status == 200 else "application/problem+json"
    assert answer["Content-Type"] == kind
    check(answer)
    return answer


@every
def test_pages_of_a_list_have_the_rows_of_its_file_in_its_order(listing: List, reader: Client) -> None:
    sample = SAMPLES[listing.page_url]
    sample.make(7)
    rows, queries = [], []
    url: str | None = address(listing, page_size=3)
    while url:
        with CaptureQueriesContext(connection) as captured:
            answer = get(reader, url)
        queries.append(len(captured))
        body = answer.json()
        rows, url = rows + body["results"], body["next"]
        assert len(body["results"]) <= 3
        assert answer.get("Link") == (f'<{url}>; rel="next"' if url else None)
    with CaptureQueriesContext(connection) as captured:
        assert get(reader, address(listing, page_size=1000)).json()["results"] == rows
    assert max([*queries, len(captured)]) == queries[1]  # of a full page in the middle
    if listing.export_url:
        exported = reverse(listing.export_url, kwargs=dict(sample.of))
        assert rows == read(reader, f"{exported}?{urlencode(sample.always)}").rows
    else:
        assert len({row[sample.key] for row in rows}) == 7


@every
def test_filters_search_fields_and_counts_are_those_of_the_page(listing: List, reader: Client) -> None:
    sample = SAMPLES[listing.page_url]
    sample.make(3)
    whole = get(reader, address(listing)).json()
    name = next(iter(whole["results"][0]))
    assert [*get(reader, address(listing, fields=name)).json()["results"][0]] == [name]
    if listing.is_counted:
        assert get(reader, address(listing, count="true", page_size=2)).json()["count"] == len(whole["results"])
    asked = [{each: value} for each, value in sample.filters.items()]
    for filters in [*asked, {"q": sample.search}] if listing.search else asked:
        query = read_query(listing, QueryDict(urlencode(sample.always | filters)), of=sample.of)
        assert len(get(reader, address(listing, **filters)).json()["results"]) == len(query.page().rows), filters


@every
def test_nothing_that_makes_no_sense_is_ignored(listing: List, reader: Client) -> None:
    SAMPLES[listing.page_url].make(1)
    bad = dict.fromkeys([*listing.by_name, "sort", "cursor"], "x" * 3001)
    bad |= {"phse": "running", "page": "2", "size": "25", "page_size": "1001", "fields": "nme"}
    bad |= {"q": "nosuchword:1"} if listing.search else {}
    bad |= {"count": "maybe"} if listing.is_counted else {}
    body = get(reader, address(listing, **bad), 400).json()
    assert {error["parameter"] for error in body["errors"]} == set(bad)
    assert body["type"] == "urn:environment-portal:problem:invalid-parameters"
    assert body["status"] == 400
    sort = next(iter(listing.by_sort))
    for asked in ({"sort": ""}, {"sort": [sort, f"-{sort}"]}):
        (error,) = get(reader, address(listing, **asked), 400).json()["errors"]
        assert error["parameter"] == "sort"


@every
def test_who_may_not_open_a_page_may_not_read_its_rows(listing: List) -> None:
    SAMPLES[listing.page_url].make(1)
    url = address(listing)
    signed_out = get(Client(), url, 401)
    assert signed_out["WWW-Authenticate"].startswith("Bearer")
    assert signed_out.json()["type"].endswith(":not-signed-in")
    for role in ("", *ROLES):
        user = factories.user(role)
        with undone():
            body = get(factories.signed_in_as(user), url, 200 if user.has_perms(listing.permissions) else 403).json()
        assert "results" in body or "needs the role" in body["detail"]


@every
def test_the_past_is_told_where_the_page_tells_it(listing: List, reader: Client) -> None:
    SAMPLES[listing.page_url].make(1)
    swept(timezone.now() - timedelta(days=2), timezone.now() - timedelta(hours=25))
    then = written(timezone.now() - timedelta(days=1))
    if listing.has_past:
        assert get(reader, address(listing, as_of=then)).json()["as_of"] is not None
        assert get(reader, address(listing)).json()["as_of"] is None
        then = "2999-01-01"
    (error,) = get(reader, address(listing, as_of=then), 400).json()["errors"]
    assert error["parameter"] == "as_of"


def test_a_simulation_is_asked_one_question(reader: Client) -> None:
    for query, parameter in (("", "question"), ("question=lifetime&value=14&timeout=3", "timeout")):
        body = get(reader, f"/api/v1/audit/what-if/?{query}", 400).json()
        assert [error["parameter"] for error in body["errors"]] == [parameter], query


def test_every_list_has_an_address_of_its_own() -> None:
    addresses = [address(listing) for listing in LISTS.values()]
    assert len(set(addresses)) == len(LISTS)
    assert reverse("api:environments-list") == "/api/v1/environments/"


def test_one_row_is_told_by_its_address_with_all_there_is_of_it(reader: Client) -> None:
    for name, listing in LISTS.items():
        if listing.detail is None:
            continue
        SAMPLES[name].make(1)
        row = listing.model._default_manager.first()
        found = get(reader, reverse(f"api:{url_name(listing)}-one", args=[row.pk])).json()
        (listed,) = (each for each in get(reader, address(listing)).json()["results"] if each["id"] == found["id"])
        assert listed == {key: found[key] for key in listed}, name
        (error,) = get(reader, reverse(f"api:{url_name(listing)}-one", args=[row.pk]) + "?as_of=now", 400).json()[
            "errors"
        ]
        assert error["parameter"] == "as_of"
        missing = get(reader, reverse(f"api:{url_name(listing)}-one", args=["0" * 8 + str(row.pk)[8:]]), 404).json()
        assert missing["detail"] == f"The portal has no record of this {listing.one}."


def test_an_environment_is_told_with_its_documents_even_once_it_is_deleted(reader: Client) -> None:
    spec = {"desiredPhase": "ENVIRONMENT_PHASE_RUNNING"}
    gone = factories.environment(gone_at=timezone.now(), spec=spec)
    found = get(reader, reverse("api:environments-list-one", args=[gone.pk])).json()
    assert (found["spec"], found["phase"], found["status"]) == (spec, "running", {})
    assert found["gone_at"].endswith("Z")
    assert get(reader, reverse("api:environments-list")).json()["results"] == []
