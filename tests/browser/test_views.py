"""Saved views as a person works with them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import SavedView
from portal.sandbox.server import Sandbox
from tests.browser.scenes_views import open_menu
from tests.support import factories

pytestmark = pytest.mark.browser


def save(page: Page, name: str, *, start: bool = False) -> None:
    page.get_by_text("Save this view…").click()
    page.get_by_label("Name", exact=True).fill(name)
    if start:
        page.get_by_label("Use as home page").check()
    page.locator("#views-form").get_by_role("button", name="Save", exact=True).click()


def test_filters_are_saved_as_they_are_now_opened_changed_and_started_with(
    signed_in: Page, viewer: User, sandbox: Sandbox
) -> None:
    page = signed_in
    page.goto("/environments/")
    expect(page.locator("#facet-gone")).to_be_attached()
    page.get_by_role("checkbox", name=re.compile("^stopped")).check()
    expect(page).to_have_url(re.compile(r"phase=stopped"))
    open_menu(page)
    save(page, "At rest", start=True)
    expect(page.locator("#views-panel [role=status]")).to_have_text("Saved as At rest.")
    expect(page.locator("#views-panel [role=status]")).to_be_focused()
    expect(page.locator("#views-open")).to_contain_text("At rest")
    assert SavedView.objects.get().query == "phase=stopped"

    page.keyboard.press("Escape")
    expect(page.locator("#views-panel")).not_to_be_visible()
    page.get_by_role("checkbox", name=re.compile("^unpushed work")).check()
    expect(page).to_have_url(re.compile(r"flag=unpushed"))
    expect(page.locator("#views-open")).to_have_text("")
    open_menu(page)
    page.get_by_role("button", name="Save changes to At rest").click()
    expect(page.locator("#views-panel [role=status]")).to_have_text("At rest now has these filters.")

    page.goto("/operations/")
    page.locator(".topbar-name").click()
    expect(page).to_have_url(re.compile(r"/environments/\?phase=stopped&flag=unpushed$"))
    page.locator(".topbar-user").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Username").fill(viewer.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/environments/\?phase=stopped&flag=unpushed$"))
    expect(page.locator("#views-open")).to_contain_text("At rest")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_view_is_saved_and_opened_too(
    context: BrowserContext, viewer: User, sandbox: Sandbox
) -> None:
    page = context.new_page()
    page.goto("/environments/?phase=stopped")
    page.get_by_label("Username").fill(viewer.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#views > summary").click()
    save(page, "At rest")
    expect(page.get_by_text("Saved as At rest.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"phase=stopped"))
    page.goto("/environments/")
    page.locator("#views > summary").click()
    page.locator("#views-panel").get_by_role("link", name="At rest").click()
    expect(page).to_have_url(re.compile(r"phase=stopped"))
