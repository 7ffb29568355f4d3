"""Scenes of people and of the access log. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from environments.models import Environment
from portal.accounts.access_signals import record_roles
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


def _counted(page: Page) -> None:
    expect(page.locator("#facet-role")).to_be_attached()


def _link(page: Page) -> None:
    page.get_by_role("button", name="Create a sign-in link").click()
    expect(page.get_by_label("Link")).to_be_visible()
