"""Scenes of people and of the access log. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from environments.models import Environment
from portal.accounts.access_signals import record_roles
from portal.accounts.second_factor.changes import add_app
from portal.accounts.sign_in_links import make_token
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind
from portal.outbox.models import Attempt
from tests.support import factories, outbox

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


def sent(scene: type[Scene]) -> Iterator[Scene]:
    """The outbox, empty and filled, as an admin sees it."""
    yield scene("outbox-empty", "/outbox/", ADMIN)
    hook = outbox.destination(name="<b>siem</b>", failures=2)
    outbox.destination("ops@acme.example", name="operators", kind="e-mail", state="muted")
    given_up = outbox.message(hook, state="dead", attempts=9, environment_id=Environment.objects.earliest("id").pk)
    pending = outbox.message(hook, attempts=1)
    Attempt.objects.create(
        message=given_up, at=given_up.at, status=500, duration=timedelta(seconds=1), answer="x" * 1000
    )
    Attempt.objects.create(
        message=given_up, at=given_up.at, failure="hooks.acme.example cannot be reached", duration=timedelta()
    )
    Attempt.objects.create(message=pending, at=pending.at)
    for name, path in (
        ("outbox", ""), ("attempts", "attempts/"), ("destinations", "destinations/"),
        ("destination-new", "destinations/new/"), ("destination", f"destinations/{hook.pk}/"),
        ("message", f"{given_up.pk}/"),
    ):  # fmt: skip
        yield scene(name, f"/outbox/{path}", ADMIN)


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
    page.get_by_role("button", name="Create new recovery codes").click()
    expect(page.get_by_role("list", name="Recovery codes")).to_be_visible()


def _code(page: Page) -> None:
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code")).to_be_visible()


def _counted(page: Page) -> None:
    expect(page.locator("#facet-role")).to_be_attached()


def _link(page: Page) -> None:
    page.get_by_role("button", name="Create a sign-in link").click()
    expect(page.get_by_label("Link")).to_be_visible()
