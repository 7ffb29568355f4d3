"""The same journeys in a browser that runs no scripts."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, expect

from automations.models import Service
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = [pytest.mark.browser, pytest.mark.browser_context_args(java_script_enabled=False)]


def test_a_visitor_without_scripts_signs_in_searches_pages_and_reads(
    context: BrowserContext, sandbox: Sandbox, viewer: User
) -> None:
    page = context.new_page()
    page.set_content("<noscript>No script runs</noscript>")
    expect(page.get_by_text("No script runs")).to_be_visible()
    page.goto("/environments/")
    page.get_by_label("Username").fill(viewer.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()
    page.get_by_role("link", name="Show the filters").click()
    page.get_by_role("checkbox", name=re.compile("^stopped")).check()
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"phase=stopped"))
    service = Service.objects.filter(gone_at=None, environment__gone_at=None).order_by("id")[0]
    page.get_by_role("link", name="Clear all").click()
    page.get_by_label("Search environments").fill(f"id:{service.environment_id}")
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(1)
    rows.locator(".list-name > a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(service.environment))
    page.get_by_role("navigation", name="About this environment").get_by_role("link", name="Automations").click()
    expect(page.locator("summary", has_text=str(service)).first).to_be_visible()
