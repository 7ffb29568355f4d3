"""Scenes of people and of the access log. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from portal.accounts.access_signals import record_roles
from portal.accounts.second_factor.changes import add_app
from portal.accounts.sign_in_links import make_token
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind
from tests.support import factories

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"


def people(scene: type[Scene]) -> Iterator[Scene]:
    """As an admin sees them."""
    olga, ada = factories.user("Operator", username="olga"), User.objects.get(username=ADMIN)
    record_access(
        AccessKind.REFUSED_SIGN_IN,
        typed_name="<b>olga</b>",
        refused_because="There is no account of this name.",
    )
    record_roles(olga, "roles", ["Viewer"], ["Operator"], actor=ada)
    make_token(olga, valid_for=timedelta(days=1))
    yield scene("people", "/people/", ADMIN, then=_counted)
    yield scene("person-new", "/people/new/", ADMIN)
    yield scene("person", f"/people/{olga.pk}/", ADMIN)
    yield scene("person-link", f"/people/{olga.pk}/", ADMIN, then=_link)
    yield scene("access-log", "/access-log/", ADMIN)


def second_factor(scene: type[Scene]) -> Iterator[Scene]:
    """As somebody sees it who has none, and who has one."""
    yield scene("second-factor-none", "/accounts/second-factor/")
    yield scene("app-new", "/accounts/second-factor/app/")
    olga = User.objects.get(username="olga")
    add_app(user=olga, secret=generate_totp_secret(), counter=0)
    yield scene("second-factor", "/accounts/second-factor/", olga.username)
    yield scene("recovery-codes", "/accounts/second-factor/", olga.username, then=_codes)
    yield scene("person-with-second-factor", f"/people/{olga.pk}/", ADMIN)
    yield scene("confirm-by-code", "/accounts/confirm/", olga.username)
    yield scene("sign-in-code", "/accounts/sign-in/", "", then=_code)


def _codes(page: Page) -> None:
    page.get_by_role("button", name="Make new recovery codes").click()
    expect(page.get_by_role("list", name="Recovery codes")).to_be_visible()


def _code(page: Page) -> None:
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code")).to_be_visible()


def _counted(page: Page) -> None:
    expect(page.locator("#facet-role")).to_be_attached()


def _link(page: Page) -> None:
    page.get_by_role("button", name="Make a sign-in link").click()
    expect(page.get_by_label("Link")).to_be_visible()
