"""Getting in, out, and back to where one was."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.sign_in_links import make_token
from portal.sandbox.server import Sandbox
from tests.browser.chromium import Watch
from tests.support import factories

pytestmark = pytest.mark.browser

AT_SIGN_IN = re.compile(r"/accounts/sign-in/")


def sign_in(page: Page, password: str = factories.PASSWORD) -> None:
    page.get_by_label("Username").fill("vera")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_password_is_told_and_the_name_is_kept(context: BrowserContext, viewer: User) -> None:
    page = context.new_page()
    page.goto("/accounts/sign-in/")
    sign_in(page, "a-wrong-password")
    expect(page.get_by_role("alert").filter(has_text="Wrong name or password")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value("vera")
    expect(page.get_by_label("Password")).to_have_value("")
    sign_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_visitor_signs_in_and_is_on_the_page_asked_for(
    context: BrowserContext, sandbox: Sandbox, viewer: User
) -> None:
    page = context.new_page()
    page.goto("/environments/?q=petclinic&sort=name")
    expect(page).to_have_url(AT_SIGN_IN)
    sign_in(page)
    expect(page).to_have_url(re.compile(r"/environments/\?q=petclinic&sort=name$"))
    expect(page.get_by_label("Search environments")).to_have_value("petclinic")


def test_after_signing_out_nothing_is_shown_even_by_going_back(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.goto("/environments/")
    page.goto("/sync/")
    page.locator(".topbar-user").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(AT_SIGN_IN)
    page.go_back()
    expect(page).to_have_url(AT_SIGN_IN)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_link_signs_in_once(context: BrowserContext, viewer: User, watch: Watch) -> None:
    watch.allowed_statuses.add(410)
    link = f"/accounts/link/?token={make_token(viewer, valid_for=timedelta(minutes=5))}"
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto("about:blank")  # a page whose session ends goes to the sign-in by itself
    context.clear_cookies()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This link is no longer valid")).to_be_visible()


def test_a_page_whose_session_has_ended_goes_to_sign_in_as_a_whole_and_comes_back(
    signed_in: Page, sandbox: Sandbox
) -> None:
    page = signed_in
    page.clock.install()
    page.goto("/environments/?q=petclinic")
    expect(page.locator("#facet-gone")).to_be_attached()
    Session.objects.all().delete()
    page.clock.fast_forward(11_000)  # the page asks for news
    expect(page).to_have_url(AT_SIGN_IN)
    expect(page.get_by_role("heading", name="Environments")).to_have_count(0)
    sign_in(page)
    expect(page.get_by_label("Search environments")).to_have_value("petclinic")
    expect(page.locator("#list tbody tr").first).to_be_visible()


def test_the_theme_is_the_system_s_and_follows_it(context: BrowserContext, viewer: User) -> None:
    page = context.new_page()
    themes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        page.goto("/accounts/sign-in/")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
