"""Signing in by the company's identity provider: whose account it is, with which role, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import msgspec
import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.models import User
from django.test import Client

from portal.identity_providers import read_identity_providers
from tests.support import factories
from tests.support.identity_provider import KEY, OTHER_KEY, Issuer, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    with running(settings) as issuer:
        yield issuer


def roles(username: str) -> set[str]:
    return set(User.objects.get(username=username).groups.values_list("name", flat=True))


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_first_sign_in_makes_the_account_and_groups_give_and_take_its_role(issuer: Issuer) -> None:
    client = Client()
    asked = issuer.begin(client, "/environments/")
    answer = issuer.finish(client, asked)
    assert (answer.status_code, answer["Location"]) == (302, "/environments/")
    made = User.objects.get()
    assert (made.username, made.email, made.get_full_name()) == ("ann", "ann@acme.example", "Ann Lee")
    assert not made.has_usable_password()
    assert not made.is_staff
    assert roles("ann") == {"Viewer"}
    for groups, expected in (
        (["portal-admins", "other"], {"Admin"}), ("staff", {"Viewer"}), ([], set()), (["staff"], {"Viewer"}),
        (None, set()),
    ):  # fmt: skip
        again = Client()
        assert issuer.sign_in(again, groups=groups, preferred_username="renamed").status_code == 302, groups
        assert roles("ann") == expected, groups
    assert User.objects.count() == 1
    without = again.get("/", follow=True)
    assert without.status_code == 403
    assert "You have no role" in without.content.decode()
    assert SocialToken.objects.count() == 0


def test_the_code_is_redeemed_with_pkce_and_only_for_what_the_portal_asks_for(issuer: Issuer) -> None:
    client = Client()
    address = (
        "/accounts/providers/acme/?scope=admin&auth_params=prompt%3Dnone&process=connect&next=https://evil.example/"
    )
    client.get(address)
    asked = issuer.begin(client)
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "prompt" not in asked
    assert issuer.finish(client, asked)["Location"] == "/accounts/start/"
    verifier = issuer.redeemed[0]["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert asked["code_challenge"] == digest
    assert verifier not in asked.values()


def test_wrong_answers_are_refused_with_a_sentence_and_sign_nobody_in(issuer: Issuer) -> None:
    now = int(time())
    cases: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
        "audience": ({"aud": "other"}, {}, "made for another application"),
        "authorized party": ({"aud": ["portal", "other"], "azp": "other"}, {}, "made for another application"),
        "issuer": ({"iss": "https://evil.example"}, {}, "signature or issuer is wrong"),
        "nonce": ({"nonce": "of-another"}, {}, "belongs to another sign-in"),
        "no nonce": ({"nonce": None}, {}, "could not be verified"),
        "expired": ({"exp": now - 120}, {}, "had expired"),
        "no expiry": ({"exp": None}, {}, "could not be verified"),
        "signature": ({}, {"key": OTHER_KEY}, "signature or issuer is wrong"),
        "unsigned": ({}, {"key": None, "algorithm": "none"}, "signature or issuer is wrong"),
        "signed with a word": ({}, {"key": "hush" * 16, "algorithm": "HS256"}, "signature or issuer is wrong"),
        "unverified address": ({"email_verified": False}, {}, "has not verified your e-mail address"),
        "a word for verified": ({"email_verified": "true"}, {}, "has not verified your e-mail address"),
        "no address": ({"email": None}, {}, "has not verified your e-mail address"),
        "another domain": ({"email": "ann@evil.example"}, {}, "Only addresses of acme.example"),
        "a domain within": ({"email": "ann@acme.example.evil.example"}, {}, "Only addresses of acme.example"),
        "two people": ({}, {"userinfo": {"sub": "s-2"}}, "about different people"),
    }
    for name, (claims, told, sentence) in cases.items():
        vars(issuer).update({"key": KEY, "algorithm": "ES256", "userinfo": None} | told)
        client = Client()
        answer = issuer.sign_in(client, **claims)
        assert answer.status_code == 403, name
        assert sentence in answer.content.decode(), name
        assert not is_signed_in(client), name
    assert (User.objects.count(), SocialAccount.objects.count()) == (0, 0)


def test_an_answer_counts_once_and_for_the_browser_that_began(issuer: Issuer) -> None:
    client, other = Client(), Client()
    asked = issuer.begin(client)
    old_token = issuer.id_token()
    for name, visitor, state in (("no state", client, {"state": ""}), ("another browser", other, asked)):
        answer = issuer.finish(visitor, state)
        assert (answer.status_code, is_signed_in(visitor)) == (403, False), name
        assert "does not belong to a sign-in that was begun here" in answer.content.decode(), name
    assert issuer.finish(client, asked).status_code == 302
    assert issuer.finish(other, asked).status_code == 403
    client.post("/accounts/sign-out/")
    assert issuer.finish(client, asked).status_code == 403, "the same answer once more"
    issuer.id_token = lambda: old_token  # type: ignore[method-assign]
    replayed = issuer.sign_in(client)
    assert "belongs to another sign-in" in replayed.content.decode(), "an earlier token in a new answer"
    cancelled = client.get("/accounts/providers/acme/callback/", issuer.begin(client) | {"error": "access_denied"})
    assert "You did not sign in at the provider" in cancelled.content.decode()
    assert not is_signed_in(client)


def test_an_account_of_the_portal_is_matched_by_a_verified_address_alone(issuer: Issuer) -> None:
    local = factories.user("Operator", username="annie")
    User.objects.filter(pk=local.pk).update(email="Ann@acme.example")
    assert issuer.sign_in(Client(), email_verified=False).status_code == 403
    assert roles("annie") == {"Operator"}
    assert issuer.sign_in(Client()).status_code == 302
    local.refresh_from_db()
    assert SocialAccount.objects.get().user == local
    assert not local.has_usable_password()
    assert roles("annie") == {"Viewer"}
    assert issuer.sign_in(Client(), sub="s-2").status_code == 403, "another person with the same address"
    User.objects.update(is_active=False)
    refused = issuer.sign_in(Client())
    assert (refused.status_code, "deactivated" in refused.content.decode()) == (403, True)
    User.objects.create_superuser("root", email="root@acme.example")
    assert issuer.sign_in(Client(), sub="s-3", email="root@acme.example").status_code == 403
    assert SocialAccount.objects.count() == 1


def test_groups_may_come_from_userinfo_and_a_provider_that_is_away_is_told(issuer: Issuer, settings: Any) -> None:
    issuer.userinfo = {"sub": "s-1", "groups": ["portal-admins"], "email": "eve@evil.example"}
    assert issuer.sign_in(Client(), groups=None).status_code == 302
    assert roles("ann") == {"Admin"}
    page = Client().get("/accounts/sign-in/?next=/sync/").content.decode()
    assert "Sign in with Acme" in page
    assert 'href="/accounts/providers/acme/?next=/sync/"' in page
    assert Client().get("/accounts/providers/other/").status_code == 404
    settings.IDENTITY_PROVIDERS = {"acme": msgspec.structs.replace(issuer.configured, issuer="http://127.0.0.1:1")}
    away = Client().get("/accounts/providers/acme/")
    assert (away.status_code, "could not be reached" in away.content.decode()) == (403, True)
    settings.IDENTITY_PROVIDERS = {"acme": msgspec.structs.replace(issuer.configured, issuer=f"{issuer.address}/")}
    assert Client().get("/accounts/providers/acme/").status_code == 403


def test_the_file_of_providers_is_read_strictly(tmp_path: Path) -> None:
    right = """
        [[provider]]
        id = "acme"
        name = "Acme"
        issuer = "https://id.acme.example"
        client_id = "portal"
        domains = ["acme.example"]
        roles = {admins = "Admin"}
    """
    path = tmp_path / "providers.toml"
    path.write_text(right)
    assert read_identity_providers(str(path))["acme"].roles == {"admins": "Admin"}
    assert read_identity_providers("") == {}
    for wrong in (
        right.replace("https:", "http:"), right.replace("Admin", "Owner"), right.replace('"acme.example"', ""),
        right + "more = 1", right + right, right.replace('id = "acme"', 'id = "a/b"'),
    ):  # fmt: skip
        path.write_text(wrong)
        with pytest.raises(ValueError):
            read_identity_providers(str(path))
