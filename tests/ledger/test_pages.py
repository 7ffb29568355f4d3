"""The list of operations: what a row tells, filters, search, chips, pages, news."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from environments.actions.registry import ACTIONS
from environments.detail.views import TABS
from portal.ledger import labels, recording
from portal.ledger.models import Operation, Origin, Outcome
from portal.ledger.rows import operations_of
from tests.support import factories
from tests.support.operations import ENVIRONMENT, operation

pytestmark = pytest.mark.django_db
URL = "/operations/"
HTMX = {"HX-Request": "true"}
OTHER = uuid.UUID("99999999-0000-4000-8000-000000000009")


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def get(client: Client, query: str = "", **parameters: object) -> str:
    response = client.get(URL + (query or "?" + urlencode(parameters, doseq=True)))
    assert response.status_code == 200
    return response.content.decode()


def shown(page: str) -> list[uuid.UUID]:
    """The operations on the page, in order."""
    return [uuid.UUID(text) for text in re.findall(r'<tr id="o([0-9a-f]{32})">', page)]


def chip_links(page: str) -> dict[str, str]:
    """The text of each chip, and the address without it."""
    found = re.findall(r'<a class="chip"\s+href="([^"]*)".*?title="Remove">(.*?)<svg', page, re.DOTALL)
    return {" ".join(re.sub(r"<[^>]*>", " ", text).split()): html.unescape(url) for url, text in found}


def test_a_row_tells_who_asked_for_what_why_and_how_it_ended(viewer: Client) -> None:
    made = operation(actor_name="ann", took=timedelta(seconds=90), outcome=Outcome.FAILED, code="failed_precondition")
    page = get(viewer)
    assert f'href="/operations/{made.pk}/"' in page
    assert f'href="/environments/{ENVIRONMENT}/"' in page
    for text in ("5 min ago", "?actor=ann", "Stop environment", "quiet-otter", "nobody uses it", "failed_precondition",
                 "1 min 30 s"):  # fmt: skip
        assert text in page


@pytest.mark.parametrize(
    ("outcome", "is_open", "said"),
    [
        (Outcome.PENDING, True, "<span>pending</span>"),
        (Outcome.UNKNOWN, True, "unknown, being checked"),
        (Outcome.UNKNOWN, False, "<span>unknown</span>"),
        (Outcome.SUCCEEDED, False, "phase-green"),
        (Outcome.FAILED, False, "phase-red"),
    ],
)
def test_the_outcome_is_a_word_that_tells_open_from_ended(
    viewer: Client, outcome: Outcome, is_open: bool, said: str
) -> None:
    operation(outcome=outcome, is_open=is_open)
    page = get(viewer)
    assert said in page
    assert ("not ended</span>" in page) == is_open


def test_the_newest_come_first_unless_turned_round(viewer: Client) -> None:
    old, new = operation(ago=timedelta(days=2)), operation(ago=timedelta(minutes=1))
    page = get(viewer)
    assert shown(page) == [new.pk, old.pk]
    assert 'aria-sort="descending"' in page
    assert shown(get(viewer, sort="asked")) == [old.pk, new.pk]


@pytest.mark.parametrize(("name", "columns"), [("secret", {"environment_id": ENVIRONMENT}), ("project", {})])
def test_a_target_that_is_no_environment_says_what_it_is(viewer: Client, name: str, columns: dict) -> None:
    operation(**{"target_type": name, "target_id": OTHER, "target_name": "NPM_TOKEN", "environment_id": None} | columns)
    page = get(viewer)
    assert "NPM_TOKEN</bdi>" in page
    assert f'<div class="list-source">{name}' in page
    assert f"/environments/{OTHER}/" not in page
    assert (f"/environments/{ENVIRONMENT}/" in page) == bool(columns)


def test_an_environment_that_never_came_to_be_has_no_link(viewer: Client) -> None:
    operation("environment.create", outcome=Outcome.FAILED, target_id=None, environment_id=None, target_name="")
    page = get(viewer)
    assert "unknown</bdi>" in page
    assert "/environments/None" not in page


FILTERS = [
    ({"actor": "bob"}, {"actor_name": "bob"}),
    ({"q": "actor:BO"}, {"actor_name": "bob"}),
    ({"action": "environment.delete"}, {"action": "environment.delete"}),
    ({"action": ["secret.delete", "environment.delete"]}, {"action": "environment.delete"}),
    ({"q": "action:environment.delete"}, {"action": "environment.delete"}),
    ({"q": 'action:"keep environment awake"'}, {"action": "environment.mark_active"}),
    ({"q": "action:newest_thing"}, {"action": "environment.newest_thing"}),
    ({"target": "FOX"}, {"target_name": "red-fox"}),
    ({"q": "target:fox"}, {"target_name": "red-fox"}),
    ({"target": OTHER}, {"environment_id": OTHER}),
    ({"target": OTHER}, {"target_id": OTHER, "target_type": "secret"}),
    ({"q": f"target:{OTHER}"}, {"environment_id": OTHER, "target_type": "secret"}),
    ({"outcome": "failed"}, {"outcome": Outcome.FAILED}),
    ({"outcome": ["failed", "unknown"]}, {"outcome": Outcome.UNKNOWN}),
    ({"outcome": "open"}, {"is_open": True}),
    ({"outcome": "OPEN"}, {"outcome": Outcome.UNKNOWN, "is_open": True}),
    ({"outcome": "pending"}, {"is_open": True}),
    ({"q": "outcome:open"}, {"is_open": True}),
    ({"q": "-outcome:succeeded"}, {"outcome": Outcome.FAILED}),
    ({"since": "24h"}, {"ago": timedelta(hours=3)}),
    ({"since": "7D"}, {"ago": timedelta(days=6)}),
    ({"q": "since:30d"}, {"ago": timedelta(days=29)}),
    ({"from": f"{timezone.now() - timedelta(days=3):%Y-%m-%d}"}, {"ago": timedelta(hours=1)}),
    ({"from": f"{timezone.now() - timedelta(days=3):%Y-%m-%dT%H:%M}"}, {"ago": timedelta(days=2)}),
    ({"q": f"from:{timezone.now() - timedelta(days=3):%Y-%m-%d}"}, {"ago": timedelta(hours=1)}),
    ({"to": "2020-01-05"}, {"asked_at": "2020-01-05T23:59:30Z"}),
    ({"to": "2020-01-05T10:00"}, {"asked_at": "2020-01-05T10:00:59Z"}),
    ({"q": "to:2020-01-05"}, {"asked_at": "2020-01-05T23:00:00Z"}),
    ({"q": 'to:"2020-01-05T11:00+01:00"'}, {"asked_at": "2020-01-05T10:00:00Z"}),
    ({"origin": "api"}, {"origin": Origin.API}),
    ({"q": "origin:command"}, {"origin": Origin.COMMAND}),
    ({"q": "reason:COST"}, {"reason": "It costs too much"}),
    ({"q": "reason:none"}, {"reason": ""}),
    ({"q": "token:NIGHT"}, {"token": "nightly (portal_ab12)"}),
    ({"q": "-token:none"}, {"token": "nightly (portal_ab12)"}),
    ({"q": "id:abc"}, {"id": uuid.UUID("abc00000-0000-4000-8000-000000000001")}),
    ({"q": "abc00000-0000"}, {"id": uuid.UUID("abc00000-0000-4000-8000-000000000001")}),
    ({"q": "costs MUCH"}, {"reason": "It costs too much"}),
    ({"q": '"strict policy"'}, {"outcome": Outcome.FAILED, "message": "refused by a strict policy"}),
    ({"q": "100%"}, {"target_name": "100% done"}),
    ({"q": "delete -otter"}, {"action": "environment.delete", "target_name": "red-fox"}),
]


@pytest.mark.parametrize(
    ("query", "columns"), FILTERS, ids=[f"{number}-{next(iter(query))}" for number, (query, _) in enumerate(FILTERS)]
)
def test_a_filter_finds_what_it_names_and_nothing_else(viewer: Client, query: dict, columns: dict) -> None:
    operation(ago=timedelta(days=99), id=uuid.UUID("def00000-0000-4000-8000-000000000001"))
    wanted = operation(**columns)
    assert shown(get(viewer, **query)) == [wanted.pk]


def test_conditions_compose(viewer: Client) -> None:
    wanted = operation(actor_name="bob", outcome=Outcome.FAILED, reason="cost")
    operation(actor_name="bob", outcome=Outcome.FAILED)
    operation(actor_name="bob", reason="cost")
    operation(outcome=Outcome.FAILED, reason="cost")
    operation(actor_name="bob", outcome=Outcome.FAILED, reason="cost", ago=timedelta(days=8))
    assert shown(get(viewer, actor="bob", outcome="failed", since="7d", q="cost")) == [wanted.pk]


def test_each_condition_is_a_chip_in_words_that_can_be_taken_off(viewer: Client) -> None:
    operation(outcome=Outcome.FAILED)
    query = {"q": "nobody reason:uses", "outcome": ["failed", "unknown"], "action": "environment.stop", "since": "7d",
             "target": ENVIRONMENT, "actor": "ann", "origin": "page", "from": "2020-01-05", "size": 25}  # fmt: skip
    page = get(viewer, **query)
    chips = chip_links(page)
    assert list(chips) == [
        "nobody", "reason:uses", "Requested within: last 7 days", "From: 2020-01-05 00:00 UTC", "Outcome: failed",
        "Outcome: unknown", "Who: ann", "Action: stop environment", "Target: quiet-otter",
        "From where: a page of the portal",
    ]  # fmt: skip
    assert "q=reason%3Auses&" in chips["nobody"]
    assert "outcome=failed&" in chips["Outcome: unknown"]
    assert "outcome=unknown" not in chips["Outcome: unknown"]
    for name, url in chips.items():
        assert url.endswith("size=25")
        assert len(shown(get(viewer, url))) == (name != "Outcome: failed")
    assert re.search(r'name="from"\s+value="2020-01-05 00:00"', page)
    assert re.search(r'id="outcome-failed" checked', page)
    assert '<option value="ann" selected>' in page


@pytest.mark.parametrize(
    ("query", "explained"),
    [
        ({"q": "aktor:ann"}, "unknown word aktor:. Did you mean actor:?"),
        ({"q": "outcome:faild"}, "Did you mean failed?"),
        ({"q": "since:soon"}, "takes a span such as 24h or 7d, not soon"),
        ({"q": "id:xyz"}, "takes an operation&#x27;s id or its beginning"),
        ({"outcome": "lost"}, "Outcome: takes open, pending, succeeded, failed or unknown"),
        ({"since": "0d"}, "Requested within: takes a span"),
        ({"from": "yesterday"}, "From: takes a time such as 2026-01-31"),
        ({"to": "9999-12-31T23:59-14:00"}, "To: takes a time"),
        ({"from": "0001-01-01T00:00+14:00"}, "From: takes a time"),
        ({"target": "x" * 301}, "Target: takes at most 300 characters"),
        ({"actor": "a\0b"}, "Who: takes at most 300 characters of plain text"),
        ({"sort": "reason"}, "Sort: there is no such column"),
        ({"size": "7"}, "takes 25, 50 or 100"),
        ({"page": "%%%"}, "this is not a place in this list"),
    ],
)
def test_what_is_not_understood_is_explained(viewer: Client, query: dict, explained: str) -> None:
    made = operation()
    page = get(viewer, **query)
    assert explained in page
    assert shown(page) == ([made.pk] if set(query) <= {"sort", "size", "page"} else [])


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_time_are_times(viewer: Client, day: str) -> None:
    operation()
    page = get(viewer, **{"from": day, "to": day})
    assert "understood" not in page
    assert shown(page) == []


def test_pages_follow_each_other_without_repeats_or_gaps(viewer: Client) -> None:
    made = [operation(ago=timedelta(minutes=minute)).pk for minute in range(60)]
    first = viewer.get(URL, {"size": 25})
    assert "1–25 of 60" in " ".join(re.sub(r"<[^>]*>", "", first.content.decode()).split())
    second = viewer.get(URL + first.context["next_url"])
    third = viewer.get(URL + second.context["next_url"])
    assert shown("".join(page.content.decode() for page in (first, second, third))) == made
    assert third.context["next_url"] is None
    assert shown(viewer.get(URL + third.context["previous_url"]).content.decode()) == made[25:50]


def test_hostile_text_is_only_text(viewer: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    made = operation(
        hostile, outcome=Outcome.FAILED, target_name=hostile, reason=hostile, actor_name=hostile, message=hostile,
        target_type=hostile, code=hostile, explanation=hostile, request_id=hostile, request={hostile: hostile},
        before={hostile: hostile}, after={hostile: [hostile]},
    )  # fmt: skip
    query = urlencode({"actor": hostile, "action": hostile, "target": hostile, "q": f"reason:{hostile}"})
    for path in (f"?{query}", f"{made.pk}/"):
        page = viewer.get(URL + path).content.decode()
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


# --- the two empty states


def test_an_empty_ledger_says_what_it_will_hold(viewer: Client) -> None:
    page = get(viewer)
    assert "No operations yet" in page
    assert "Every change is recorded here before it is sent" in page
    (tab,) = re.findall(r"page, under (\w+)\.", page)
    assert tab in TABS.values(), "it is called so there"


def test_when_nothing_matches_the_chips_are_there_to_take_off(viewer: Client) -> None:
    operation()
    page = get(viewer, outcome="failed")
    assert "Nothing matches" in page
    assert list(chip_links(page)) == ["Outcome: failed"]


# --- fragments and news


def test_typing_swaps_the_list_alone_and_links_swap_the_filters_too(viewer: Client) -> None:
    listed = viewer.get(URL + "?q=&outcome=failed&since=", headers=HTMX | {"HX-Target": "list"})
    assert b'id="q"' not in listed.content
    assert listed["HX-Push-Url"] == "/operations/?outcome=failed"
    body = viewer.get(URL, headers=HTMX | {"HX-Target": "operations"})
    assert b'id="q"' in body.content
    assert b"<html" not in body.content
    restored = viewer.get(URL, headers=HTMX | {"HX-History-Restore-Request": "true", "HX-Target": "list"})
    assert b"<html" in restored.content
    typed = viewer.get(URL + "?q=a", headers=HTMX | {"HX-Target": "list", "HX-Trigger-Name": "q"})
    assert typed["HX-Replace-Url"] == "/operations/?q=a"


def test_an_open_page_is_told_only_when_something_changed(viewer: Client) -> None:
    target = recording.Target("environment", ENVIRONMENT, "quiet-otter", ENVIRONMENT)
    url = viewer.get(URL, {"actor": "ann"}).context["changes_url"]
    made, _ = recording.begin("environment.stop", target, {"actor": factories.user("Operator", username="ann")})
    steps = (lambda: Operation.objects.update(outcome=Outcome.UNKNOWN), lambda: recording.close(made, Outcome.FAILED))
    for step in (lambda: None, *steps):
        step()
        news = viewer.get(url)
        assert shown(news.content.decode()) == [made.pk]
        url = news.context["changes_url"]
        assert viewer.get(url).status_code == 204


def test_a_row_stamped_before_another_but_committed_after_it_is_told(viewer: Client) -> None:
    operation(ago=timedelta(0))
    url = viewer.get(URL).context["changes_url"]
    operation(ago=timedelta(seconds=3))
    assert viewer.get(url).status_code == 200


# --- on an environment's page


def test_the_operations_of_an_environment_are_read_in_one_query(django_assert_num_queries) -> None:
    made = [operation(ago=timedelta(minutes=minute)) for minute in range(5)]
    operation(environment_id=OTHER, target_id=OTHER)
    secret = operation("secret.delete", target_type="secret", target_id=OTHER, ago=timedelta(hours=1))
    with django_assert_num_queries(1):
        rows = operations_of(ENVIRONMENT, limit=4)
    assert [row.id for row in rows] == [each.pk for each in made[:4]]
    assert [row.action for row in operations_of(ENVIRONMENT)][-1] == "delete secret"
    assert operations_of(ENVIRONMENT)[-1].id == secret.pk


# --- words


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("environment.set_lockdown", "set lockdown of environment"),
        ("service.start", "start service"),
        ("task_execution.stop", "stop task execution"),
        ("service.move_away", "move away of service"),
        ("odd", "odd"),
        (".odd", ".odd"),
        ("", ""),
    ],
)
def test_actions_are_told_in_words_and_new_ones_by_their_names(name: str, said: str) -> None:
    assert labels.action_words(name) == said


def test_every_action_there_is_has_words_of_its_own() -> None:
    assert set(ACTIONS) - set(labels.ACTIONS) == set()
