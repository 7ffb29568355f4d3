"""Signing in by an OpenID Connect provider that is not ours, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import oidc_provider_mock
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

from portal.identity_providers import IdentityProvider
from portal.sandbox.server import Sandbox
from tests.browser.chromium import Watch

pytestmark = pytest.mark.browser


@pytest.fixture
def issuer(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        settings.IDENTITY_PROVIDERS = {
            "acme": IdentityProvider(
                id="acme", name="Acme", issuer=issuer, client_id="portal", client_secret="hush",
                domains=("acme.example",), roles={"portal-admins": "Admin"},
            )
        }  # fmt: skip
        yield issuer


def sign_in(page: Page) -> None:
    page.goto("about:blank")  # a page whose session ends goes to the sign-in by itself
    page.context.clear_cookies()
    page.goto("/environments/?q=petclinic")
    page.get_by_role("link", name="Sign in with Acme").click()
    page.get_by_placeholder("sub").fill("ann")
    page.get_by_role("button", name="Authorize").click()


def test_a_group_gives_its_role_at_sign_in_and_takes_it_again(
    context: BrowserContext, sandbox: Sandbox, issuer: str, watch: Watch
) -> None:
    watch.allowed_statuses |= {403, 404}
    claims = {"email": "ann@acme.example", "email_verified": True, "preferred_username": "ann"}
    page = context.new_page()
    page.route(
        "https://cdn.jsdelivr.net/**", lambda route: route.fulfill(content_type="text/css")
    )  # the provider's style
    for groups, roles in ((["portal-admins"], ["Admin"]), ([], [])):
        httpx.put(f"{issuer}/users/ann", json=claims | {"groups": groups}).raise_for_status()
        sign_in(page)
        if roles:
            expect(page).to_have_url(re.compile(r"/environments/\?q=petclinic$"))
            expect(page.get_by_label("Search environments")).to_have_value("petclinic")
        else:
            expect(page.get_by_text("You have no role")).to_be_visible()
        assert list(User.objects.get(username="ann").groups.values_list("name", flat=True)) == roles
    httpx.put(f"{issuer}/users/ann", json=claims | {"email_verified": False}).raise_for_status()
    sign_in(page)
    expect(page.get_by_text("Acme has not verified your e-mail address")).to_be_visible()
    page.get_by_role("link", name="Back to sign-in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
