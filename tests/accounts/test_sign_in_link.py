"""One-time links, and the user they are for."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

LINK = "/accounts/link/"


@pytest.fixture
def admin(db: None, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.delenv("PORTAL_ADMIN_PASSWORD", raising=False)
    call_command("ensure_admin", stdout=io.StringIO())
    return User.objects.get(username="admin")


def make_link(**options: object) -> str:
    out = io.StringIO()
    call_command("signin_link", base_url="http://testserver/", stdout=out, **options)
    (line,) = out.getvalue().splitlines()
    return line


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def use(client: Client, token: str) -> int:
    return client.post(LINK, {"token": token}).status_code


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_printed_link_signs_in_at_a_click(client: Client, admin: User) -> None:
    link = make_link()
    assert link.startswith("http://testserver/accounts/link/?token=")
    page = client.get(link)
    assert page.status_code == 200
    assert token_of(link) in page.content.decode()
    assert use(client, token_of(link)) == 302
    assert is_signed_in(client)


def test_opening_a_link_does_not_use_it_up(client: Client, admin: User) -> None:
    link = make_link()
    for _ in range(3):
        client.get(link)
    assert not is_signed_in(client)
    assert use(client, token_of(link)) == 302


def test_a_link_works_once(client: Client, admin: User) -> None:
    first, second = (token_of(make_link()) for _ in range(2))
    assert use(client, first) == 302
    for token in (first, second):
        late = Client()
        assert use(late, token) == 410
        assert not is_signed_in(late)


@pytest.mark.parametrize(("minutes", "status"), [(14, 302), (16, 410)])
def test_a_link_is_valid_for_fifteen_minutes(client: Client, admin: User, minutes: int, status: int) -> None:
    token = token_of(make_link())
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        assert use(client, token) == status


def test_a_link_can_be_made_to_last(client: Client, admin: User) -> None:
    token = token_of(make_link(minutes=120))
    with time_machine.travel(timezone.now() + timedelta(minutes=119)):
        assert use(client, token) == 302


def test_a_new_password_or_a_blocked_user_ends_the_link(client: Client, admin: User) -> None:
    token = token_of(make_link())
    admin.set_password("another long phrase")
    admin.save()
    assert use(client, token) == 410
    token = token_of(make_link())
    User.objects.update(is_active=False)
    assert use(client, token) == 410


@pytest.mark.parametrize("token", ["x", "a:b:c", "é", "'--", "1" * 500, "\u202e"])
def test_a_wrong_token_is_refused_kindly(client: Client, db: None, token: str) -> None:
    assert use(client, token) == 410
    assert not is_signed_in(client)


def test_a_changed_token_is_refused(client: Client, admin: User) -> None:
    token = token_of(make_link())
    assert use(client, token[:-1] + ("a" if token[-1] != "a" else "b")) == 410


def test_a_link_needs_no_token_to_be_refused(client: Client, db: None) -> None:
    assert client.get(LINK).status_code == 410
    assert client.post(LINK).status_code == 410


def test_the_token_is_in_no_log(client: Client, admin: User, caplog: pytest.LogCaptureFixture) -> None:
    link = make_link()
    with caplog.at_level(logging.DEBUG):
        client.get(link)
        use(client, token_of(link))
        use(client, token_of(link))
    said = "\n".join(str(record.msg) + record.getMessage() for record in caplog.records)
    assert "sign_in_link_used" in said
    assert token_of(link) not in said


def test_links_go_to_existing_active_users_only(db: None) -> None:
    with pytest.raises(CommandError, match="no active user"):
        make_link(username="nobody")


def test_the_address_has_to_be_one(admin: User) -> None:
    with pytest.raises(CommandError, match="https://"):
        call_command("signin_link", base_url="portal.example.com")
    with pytest.raises(CommandError, match="minutes"):
        make_link(minutes=0)


def test_the_admin_starts_without_a_password_and_can_set_one(client: Client, admin: User) -> None:
    assert admin.is_superuser
    assert not admin.has_usable_password()
    assert [group.name for group in admin.groups.all()] == ["Admin"]
    use(client, token_of(make_link()))
    page = client.get("/accounts/password/")
    assert b"old_password" not in page.content
    new = "a phrase to remember"
    client.post("/accounts/password/", {"new_password1": new, "new_password2": new})
    admin.refresh_from_db()
    assert admin.check_password(new)


def test_starting_again_changes_nothing(admin: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ADMIN_PASSWORD", "given by the environment")
    call_command("ensure_admin", stdout=io.StringIO())
    admin.refresh_from_db()
    assert admin.check_password("given by the environment")
    before = admin.password
    call_command("ensure_admin", stdout=io.StringIO())
    monkeypatch.delenv("PORTAL_ADMIN_PASSWORD")
    call_command("ensure_admin", stdout=io.StringIO())
    admin.refresh_from_db()
    assert admin.password == before


def test_a_weak_password_is_refused_except_on_one_machine(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ADMIN_PASSWORD", "admin")
    with override_settings(INSECURE_HTTP=False), pytest.raises(CommandError, match="too short"):
        call_command("ensure_admin", stdout=io.StringIO())
    assert not User.objects.filter(username="admin").exists()
    warned = io.StringIO()
    with override_settings(INSECURE_HTTP=True):
        call_command("ensure_admin", stdout=io.StringIO(), stderr=warned)
    assert "weak" in warned.getvalue()
