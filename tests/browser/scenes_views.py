"""Scenes of what belongs to a person: saved views, on a list and on their page, and API tokens. See `scenes`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.accounts.models import SavedView
from portal.accounts.saved_views.changes import choose_start
from tests.support import factories

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN, VIEWER = "ada", "vera"
ALL = "/accounts/views/"
TOKENS = "/accounts/tokens/"
STOPPED = "/environments/?phase=stopped&size=25"


def views(scene: type[Scene]) -> Iterator[Scene]:
    """Nothing saved yet; then a menu and a page with views of one's own and of others, and their forms."""
    yield scene("views-empty", ALL)
    yield scene("list-views-empty", "/environments/?size=25", then=open_menu)
    saved = _saved()
    yield scene("views", ALL)
    yield scene("views-of-an-admin", ALL, ADMIN)
    yield scene("list-views", STOPPED, then=open_menu)
    yield scene("list-views-refused", "/environments/?phase=running&size=25", then=_refused)
    yield scene("overview-views", "/", then=open_menu)
    yield scene("audit-views", "/audit/lockdown/", then=open_menu)
    yield scene("view-new", "/accounts/views/new/?list=environments:list&query=phase%3Dstopped%26q%3Dgo")
    yield scene("view-edit", f"{ALL}{saved.pk}/edit/")
    yield scene("view-delete", f"{ALL}{saved.pk}/delete/")
    yield from _tokens(scene)


def _tokens(scene: type[Scene]) -> Iterator[Scene]:
    """None yet; then those of two people in every state, and the forms."""
    vera, ada, now = User.objects.get(username=VIEWER), User.objects.get(username=ADMIN), timezone.now()
    yield scene("api-tokens-empty", TOKENS)
    tokens = [factories.api_token(owner, name=name) for owner in (vera, ada) for name in ("nightly", "w" * 80)]
    factories.api_token(vera, name="<script>alert(1)</script>", role="Admin", last_used_at=now, last_used_from="::1")
    factories.api_token(vera, name="بيئات متوقفة", is_read_only=True, expires_at=now)
    factories.api_token(vera, revoked_at=now, revoked_by="ada")
    yield scene("api-tokens", TOKENS)
    yield scene("api-tokens-of-an-admin", TOKENS, ADMIN)
    yield scene("api-token-new", f"{TOKENS}new/", then=_token_refused)
    yield scene("api-token-made", f"{TOKENS}new/", then=_token_made)
    yield scene("api-token-revoke", f"{TOKENS}{tokens[1].pk}/revoke/")


def _token_made(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("w" * 80)
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator("#token-text")).to_be_visible()


def _token_refused(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_label("Valid for (days)").fill("366")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator(".field-error").first).to_be_visible()


def _saved() -> SavedView:
    """Views of two people; the one that is returned is the Viewer's, shared, and the start of both."""
    vera, ada = User.objects.get(username=VIEWER), User.objects.get(username=ADMIN)
    names = ("<script>alert(1)</script>", "بيئات متوقفة", "w" * 80)
    for number, name in enumerate(names):
        for owner in (vera, ada):
            _view(owner, name, f"owner=nobody-{number}&flag=unpushed", is_shared=owner == ada)
    _view(ada, "Ports open to everyone", "flag=open", is_shared=True)
    saved = _view(vera, "At rest", "phase=stopped&size=25", is_shared=True)
    for person in (vera, ada):
        choose_start(user=person, view=saved)
    return saved


def _view(owner: User, name: str, query: str, *, is_shared: bool) -> SavedView:
    return SavedView.objects.create(
        owner=owner, name=name, url_name="environments:list", query=query, is_shared=is_shared
    )


def open_menu(page: Page) -> None:
    """The menu is open and has asked what is so now."""
    with page.expect_response(re.compile(r"/accounts/views/menu/")):
        page.locator("#views > summary").click()
    expect(page.locator("#views-panel #views-mine")).to_be_visible()


def _refused(page: Page) -> None:
    open_menu(page)
    page.get_by_text("Save this view…").click()
    page.get_by_label("Name", exact=True).fill("At rest")
    page.locator("#views-form").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#views-form .field-error")).to_be_visible()
