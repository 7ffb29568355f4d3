"""Signing in, staying in, getting out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from portal.accounts.break_glass import ELSEWHERE
from portal.ledger.models import AccessEntry
from tests.support import factories

PASSWORD = "correct horse battery"
SIGN_IN = "/accounts/sign-in/"
PASSWORD_PAGE = "/accounts/password/"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, username: str = "ann", **more: Any) -> Any:
    form = {"username": username, "password": password, "next": more.pop("next", "")}
    return client.post(SIGN_IN, form, **more)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_right_password_signs_in_under_a_new_session_key(client: Client, ann: User) -> None:
    session = client.session
    session["seen"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    answer = sign_in(client, next=PASSWORD_PAGE)
    assert answer.status_code == 302
    assert answer["Location"] == PASSWORD_PAGE
    assert client.session.session_key != session.session_key
    assert client.get(PASSWORD_PAGE).status_code == 200


@pytest.mark.parametrize(("username", "active"), [("ann", True), ("nobody", True), ("ann", False)])
def test_a_failure_does_not_tell_what_was_wrong(client: Client, ann: User, username: str, active: bool) -> None:
    User.objects.update(is_active=active)
    answer = sign_in(client, PASSWORD if not active else "wrong", username)
    assert answer.status_code == 200
    assert b"Wrong name or password" in answer.content
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example",
        SIGN_IN, f"{SIGN_IN}?next={SIGN_IN}", f"http://testserver{SIGN_IN}#there", "/accounts/sign-out/",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site_or_round_in_a_circle_after_signing_in(
    client: Client, ann: User, target: str
) -> None:
    assert sign_in(client, next=target)["Location"] == reverse(settings.LOGIN_REDIRECT_URL)
    again = client.get(SIGN_IN, {"next": target})
    assert again["Location"] == reverse(settings.LOGIN_REDIRECT_URL)


def test_signing_out_needs_a_post_and_ends_the_session(client: Client, ann: User) -> None:
    sign_in(client)
    assert client.get("/accounts/sign-out/").status_code == 405
    assert is_signed_in(client)
    assert client.post("/accounts/sign-out/")["Location"] == SIGN_IN
    assert not is_signed_in(client)


def fail(client: Client, times: int, **more: Any) -> Any:
    answers = [sign_in(client, "wrong", **more) for _ in range(times)]
    return answers[-1]


def test_after_five_failures_even_the_right_password_has_to_wait(client: Client, ann: User) -> None:
    assert fail(client, 5).status_code == 429
    answer = sign_in(client)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert b"15 min" in answer.content
    assert not is_signed_in(client)


def test_the_pause_is_for_one_name_from_one_address(client: Client, ann: User) -> None:
    fail(client, 5)
    assert sign_in(client, REMOTE_ADDR="10.1.1.1").status_code == 302
    User.objects.create_user("bo", password=PASSWORD)
    assert sign_in(client, username="bo").status_code == 302


def test_a_forged_forwarded_header_does_not_get_round_the_pause(client: Client, ann: User) -> None:
    for behind_proxy in (False, True):
        with override_settings(BEHIND_PROXY=behind_proxy):
            for n in range(5):
                sign_in(client, "wrong", headers={"X-Forwarded-For": f"1.1.1.{n}, 10.9.9.9"})
            answer = sign_in(client, headers={"X-Forwarded-For": "8.8.8.8, 10.9.9.9"})
            assert answer.status_code == 429


def test_signing_in_forgives_earlier_failures(client: Client, ann: User) -> None:
    fail(client, 4)
    assert sign_in(client).status_code == 302
    assert fail(Client(), 4).status_code == 200


def test_djangos_own_admin_form_is_no_way_round_the_pause(client: Client, ann: User) -> None:
    fail(client, 5)
    User.objects.update(is_superuser=True, is_staff=True)
    client.post("/admin/login/", {"username": "ann", "password": PASSWORD, "next": "/admin/"})
    assert not is_signed_in(client)


def test_a_new_password_ends_the_other_sessions(client: Client, ann: User) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    new = "quite another phrase"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    answer = client.post(PASSWORD_PAGE, form, follow=True)
    assert b"Your password is changed" in answer.content
    assert other.get(PASSWORD_PAGE).status_code == 302


def test_a_weak_password_is_refused_with_the_reason(client: Client, ann: User) -> None:
    sign_in(client)
    form = {"old_password": PASSWORD, "new_password1": "password", "new_password2": "password"}
    answer = client.post(PASSWORD_PAGE, form)
    assert b"too short" in answer.content
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_many_names_from_one_address_and_one_name_from_many_are_slowed(client: Client, ann: User) -> None:
    for n in range(15):
        assert sign_in(client, "wrong", f"name-{n}").status_code == (200 if n < 14 else 429), n
    assert sign_in(client).status_code == 429
    assert sign_in(Client(), REMOTE_ADDR="10.1.1.1").status_code == 302
    for n in range(15):
        fail(client, 1, REMOTE_ADDR=f"10.2.2.{n}")
    assert sign_in(client, REMOTE_ADDR="10.3.3.3").status_code == 429


def test_an_own_account_does_not_clear_the_failures_of_an_address(client: Client, ann: User) -> None:
    for n in range(14):
        sign_in(client, "wrong", f"name-{n}")
    assert sign_in(client).status_code == 302
    assert sign_in(Client(), "wrong", "one-more").status_code == 429


def test_wrong_old_passwords_are_throttled_like_sign_ins(client: Client, ann: User) -> None:
    client.force_login(ann)
    new = "quite another phrase"
    answers = [_change(client, "wrong", new) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    refused = _change(client, PASSWORD, new)
    assert refused.status_code == 429
    assert refused["Retry-After"] == "900"
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def _change(client: Client, old: str, new: str) -> Any:
    return client.post(PASSWORD_PAGE, {"old_password": old, "new_password1": new, "new_password2": new})


def test_only_the_break_glass_account_uses_a_password_and_admins_see_that_it_did(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, banner = factories.client("Admin"), b"The break-glass account was used"
    with override_settings(BREAK_GLASS_ACCOUNT="root"):
        for password in ("wrong", PASSWORD):
            assert b"Passwords are for emergencies here" in sign_in(Client(), password).content, password
        refused = AccessEntry.objects.filter(kind="refused-sign-in", actor_name="ann")
        assert [entry.why for entry in refused] == [ELSEWHERE, ELSEWHERE]
    with override_settings(BREAK_GLASS_ACCOUNT="ann"):
        assert banner not in admin.get(PASSWORD_PAGE).content
        assert sign_in(client).status_code == 302
        assert AccessEntry.objects.get(kind="break-glass").actor_name == "ann"
        assert banner in admin.get(PASSWORD_PAGE).content
        assert banner not in factories.client("Operator").get(PASSWORD_PAGE).content
        monkeypatch.setattr("portal.accounts.break_glass.SHOWN_FOR", timedelta())
        assert banner not in admin.get(PASSWORD_PAGE).content
