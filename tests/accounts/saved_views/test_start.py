"""Where a person starts: the overview, or a view of their choice."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from portal.accounts.models import SavedView, Start
from tests.support import factories
from tests.support.saved_views import ALL, LIST, address, browser, save, text, view

START = "/accounts/start/"
SIGN_IN = "/accounts/sign-in/"


def start_with(user: User, view: SavedView) -> None:
    assert browser(user).post(f"{ALL}start/", {"view": view.pk}).status_code == 302


def sign_in(user: User, following: str = "") -> Any:
    return Client().post(SIGN_IN, {"username": user.username, "password": factories.PASSWORD, "next": following})


def where(user: User) -> str:
    """Where the portal's name leads."""
    return str(browser(user).get(START)["Location"])


def test_without_a_choice_a_person_starts_with_the_overview(ann: User) -> None:
    assert where(ann) == "/"


def test_a_view_is_saved_as_the_start(ann: User) -> None:
    save(browser(ann), is_start="on")
    assert where(ann) == f"{LIST}?phase=stopped"


def test_signing_in_leads_to_the_start(ann: User) -> None:
    start_with(ann, view(ann))
    client = Client()
    form = {"username": "ann", "password": factories.PASSWORD}
    answer = client.post(SIGN_IN, form, follow=True)
    assert answer.redirect_chain[-1][0] == f"{LIST}?phase=stopped"


@pytest.mark.parametrize("following", ["", "/"])
def test_who_only_asked_for_the_portal_begins_with_the_start(ann: User, following: str) -> None:
    assert sign_in(ann, following)["Location"] == START


def test_who_asked_for_a_page_comes_to_that_page(ann: User) -> None:
    start_with(ann, view(ann))
    assert sign_in(ann, "/operations/")["Location"] == "/operations/"


def test_the_portals_name_leads_to_the_start_and_its_root_stays_the_overview(ann: User) -> None:
    start_with(ann, view(ann))
    page = browser(ann).get("/")
    assert page.status_code == 200
    assert f'href="{START}"' in text(page)


def test_another_choice_takes_the_place_of_the_first(ann: User) -> None:
    start_with(ann, view(ann))
    start_with(ann, view(ann, "Running", "phase=running"))
    assert where(ann) == f"{LIST}?phase=running"
    assert Start.objects.count() == 1
    browser(ann).post(f"{ALL}start/")
    assert where(ann) == "/"


def test_a_shared_view_of_somebody_else_can_be_the_start_and_follows_its_changes(ann: User, bo: User) -> None:
    shared = view(ann, is_shared=True)
    start_with(bo, shared)
    browser(ann).post(address(shared, "update/"), {"query": "phase=running"})
    assert where(bo) == f"{LIST}?phase=running"


@pytest.mark.parametrize("taken", ["deleted", "kept", "owner gone"])
def test_a_start_that_was_taken_away_is_told_once_and_the_overview_takes_its_place(
    ann: User, bo: User, taken: str
) -> None:
    shared = view(ann, "Fleet <i>", is_shared=True)
    start_with(bo, shared)
    if taken == "deleted":
        browser(ann).post(address(shared, "delete/"))
    elif taken == "kept":
        browser(ann).post(address(shared, "edit/"), {"name": "Fleet <i>"})
    else:
        ann.delete()
    client = browser(bo)
    first = client.get(START, follow=True)
    assert first.redirect_chain[-1][0] == "/"
    assert "Your home page, Fleet &lt;i&gt;, no longer exists" in text(first)
    again = client.get(START, follow=True)
    assert "no longer exists, or" not in text(again)


def test_deleting_the_own_start_needs_no_telling(ann: User) -> None:
    saved = view(ann)
    start_with(ann, saved)
    client = browser(ann)
    client.post(address(saved, "delete/"), follow=True)
    assert "no longer exists, or" not in text(client.get(START, follow=True))


def test_the_owner_is_told_how_many_start_with_what_they_delete(ann: User, bo: User) -> None:
    shared = view(ann, is_shared=True)
    start_with(bo, shared)
    assert "1 other person has it as their home page" in text(browser(ann).get(address(shared, "delete/")))


def test_a_start_whose_list_one_may_not_see_any_more_leads_to_the_overview(ann: User) -> None:
    start_with(ann, view(ann, url_name="operations:list", query=""))
    ann.groups.get().permissions.filter(codename="view_operation").delete()
    assert where(ann) == "/"


def test_signing_in_by_a_link_leads_to_the_start(ann: User) -> None:
    from datetime import timedelta

    from portal.accounts.sign_in_links import make_token

    answer = Client().post("/accounts/link/", {"token": make_token(ann, valid_for=timedelta(minutes=5))})
    assert answer["Location"] == START


def test_whoever_is_not_signed_in_is_asked_to(db: None) -> None:
    assert Client().get(START)["Location"].startswith(SIGN_IN)
