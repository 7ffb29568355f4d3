"""Scenes of people and of the access log. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from portal.accounts.access_signals import record_roles
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


def _counted(page: Page) -> None:
    expect(page.locator("#facet-role")).to_be_attached()


def _link(page: Page) -> None:
    page.get_by_role("button", name="Create a sign-in link").click()
    expect(page.get_by_label("Link")).to_be_visible()
