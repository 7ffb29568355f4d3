"""Sessions: how long they last, where one has them, and being asked again before what matters."""

from __future__ import annotations

import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.accounts.models import ApiToken, BrowserSession
from tests.api.test_tokens import bearer
from tests.support import factories
from tests.support.identity_provider import running

pytestmark = pytest.mark.django_db
SESSIONS, CONFIRM, NEW_TOKEN = "/accounts/sessions/", "/accounts/confirm/", "/accounts/tokens/new/"


def typed(name: str = "typed-name") -> dict[str, str]:
    return {"name": name, "role": "Viewer", "days": "30", "operation_id": str(uuid.uuid4())}


@pytest.fixture
def ann() -> User:
    return factories.user("Admin", username="ann")


def sign_in(user: User, browser: str = "Firefox", address: str = "10.1.1.1") -> Client:
    client = Client(headers={"User-Agent": browser}, REMOTE_ADDR=address)
    form = {"username": user.get_username(), "password": factories.PASSWORD, "next": ""}
    assert client.post("/accounts/sign-in/", form).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(SESSIONS).status_code == 200


def later(**time: int) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def test_sessions_are_listed_and_ended_one_by_one_and_all_others(ann: User) -> None:
    here, there, elsewhere = sign_in(ann), sign_in(ann, "Chrome", "10.2.2.2"), sign_in(ann, "curl", "10.3.3.3")
    stranger = sign_in(factories.user("Viewer", username="bo"), "Lynx")
    page = unescape(here.get(SESSIONS).content.decode())
    assert all(word in page for word in ("Firefox", "Chrome", "10.2.2.2", "this browser"))
    assert "Lynx" not in page
    chrome = BrowserSession.objects.get(browser="Chrome").pk
    assert stranger.post(f"{SESSIONS}{chrome}/end/").status_code == 404
    assert is_in(there)
    assert here.post(f"{SESSIONS}{chrome}/end/").status_code == 302
    assert here.post(f"{SESSIONS}{chrome}/end/").status_code == 404
    assert [is_in(each) for each in (here, there, elsewhere, stranger)] == [True, False, True, True]
    assert "1 other browser signed out" in here.post(f"{SESSIONS}end/", follow=True).content.decode()
    assert [is_in(each) for each in (here, elsewhere, stranger)] == [True, False, True]
    new = "quite another phrase"
    other = sign_in(ann)
    here.post("/accounts/password/", {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new})
    assert [is_in(each) for each in (here, other)] == [True, False]
    assert BrowserSession.objects.filter(user=ann).count() == 1


def test_a_session_ends_without_use_and_at_the_latest_after_a_day_s_work(ann: User, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS, settings.SESSION_MAX_SECONDS = 3600, 3 * 3600
    client, unused = sign_in(ann), sign_in(ann)
    for minutes in (50, 100, 150):
        with later(minutes=minutes):
            assert is_in(client), minutes
            assert client.get("/live/", {"about": "overview"}).status_code == 200
            used = BrowserSession.objects.order_by("-last_used_at")[0].last_used_at
            assert used == timezone.now(), minutes
    with later(minutes=61):
        assert not is_in(unused)
    with later(minutes=181):
        assert not is_in(client)
    assert Session.objects.count() == 0
    watching = sign_in(ann)
    with later(minutes=40):
        watching.get("/live/", {"about": "overview"})
    with later(minutes=70):
        assert not is_in(watching), "an open page that asks for news is no use"


def test_what_matters_asks_again_after_a_while_and_what_was_typed_is_there_afterwards(ann: User) -> None:
    client = sign_in(ann)
    with later(minutes=14):
        assert client.post(NEW_TOKEN, typed("first")).status_code == 200
    with later(minutes=16):
        for headers in ({}, {"HX-Request": "true", "HX-Current-URL": f"http://testserver{NEW_TOKEN}"}):
            asked = client.post(NEW_TOKEN, typed(), headers=headers)
            leads_to = asked.headers.get("HX-Redirect") or asked.headers["Location"]
            assert leads_to == f"{CONFIRM}?next=%2Faccounts%2Ftokens%2Fnew%2F", headers
        assert client.get(NEW_TOKEN).status_code == 200, "only sending it asks"
        client.post(NEW_TOKEN, typed())
        assert ApiToken.objects.count() == 1
        wrong = client.post(leads_to, {"password": "wrong", "next": NEW_TOKEN})
        assert "Wrong password" in wrong.content.decode()
        assert client.post(NEW_TOKEN, typed()).status_code == 302
        confirmed = client.post(leads_to, {"password": factories.PASSWORD, "next": NEW_TOKEN})
        assert confirmed["Location"] == NEW_TOKEN
        page = unescape(client.get(NEW_TOKEN).content.decode())
        assert 'value="typed-name"' in page
        assert "to confirm who you are when you sent this form, so nothing was changed" in page
        assert client.post(NEW_TOKEN, typed()).status_code == 200
    assert ApiToken.objects.count() == 2
    with later(minutes=20):
        evil = client.post(CONFIRM, {"password": factories.PASSWORD, "next": "https://evil.example/"})
        assert evil["Location"] == "/accounts/start/"
        answers = [client.post(CONFIRM, {"password": "wrong"}).status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429], "with the wrong one before"


def test_files_and_the_api_ask_a_session_but_no_token_and_nobody_without_a_password(ann: User, settings: Any) -> None:
    export = "/environments/export/"  # without a format, which the view refuses once it is reached
    environment = factories.environment()
    rename = f"/api/v1/environments/{environment.pk}/actions/rename/"
    client, token = sign_in(ann), bearer(ann, "Admin")
    by_link = Client()
    by_link.force_login(factories.user("Auditor"))
    User.objects.filter(groups__name="Auditor").update(password="!")
    by_link.force_login(User.objects.get(groups__name="Auditor"))
    with later(minutes=16):
        asked = client.get(export, headers={"Referer": "http://testserver/environments/?q=a"})
        assert asked["Location"] == f"{CONFIRM}?next=http%3A%2F%2Ftestserver%2Fenvironments%2F%3Fq%3Da"
        refused = client.post(rename, {}, content_type="application/json")
        assert (refused.status_code, "/accounts/confirm/" in refused.json()["detail"]) == (403, True)
        assert client.get("/api/v1/environments/").status_code == 200
        assert token.post(rename, {}, content_type="application/json").status_code not in (302, 403)
        reached = [by_link.get(export), token.get("/api/v1/environments/export/")]
        assert [each.status_code for each in reached] == [400, 400]
        settings.CONFIRM_SECONDS = 0
        assert client.get(export).status_code == 400


def test_who_signs_in_by_a_provider_confirms_it_there(settings: Any) -> None:
    with running(settings) as issuer:
        client = Client()
        issuer.sign_in(client, groups=["portal-admins"])
        with later(minutes=16):
            leads_to = client.post(NEW_TOKEN, typed())["Location"]
            page = unescape(client.get(leads_to).content.decode())
            assert "/accounts/providers/acme/?again&next=/accounts/tokens/new/" in page
            asked = issuer.begin(client, f"{NEW_TOKEN}&again=")
            assert (asked["prompt"], asked["max_age"]) == ("login", "0")
            assert issuer.finish(client, asked)["Location"] == NEW_TOKEN
            assert 'value="typed-name"' in client.get(NEW_TOKEN).content.decode()
            assert client.post(NEW_TOKEN, typed()).status_code == 200
