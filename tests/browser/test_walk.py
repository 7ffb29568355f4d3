"""The morning's way of an admin: from the overview to the operation behind what is seen there, and back."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from environments.models import Environment
from environments.overview.refresh import refresh_parts
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.browser.scenes_timeline import lived

pytestmark = pytest.mark.browser


def stopped_by_hand(sandbox: Sandbox) -> Environment:
    """One that never stops by itself, with a morning behind it at whose end somebody stopped it."""
    identifier = sandbox.world.add_environment(Condition("STOPPED", never_stops=True))
    fleet.read_environments(sandbox)
    refresh_parts(timezone.now(), everything=True)
    environment = Environment.objects.get(pk=identifier)
    lived(environment)
    return environment


def test_from_the_overview_to_the_operation_behind_a_bar_and_back(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    environment = stopped_by_hand(sandbox)
    page.goto("/")
    page.locator("a[id^=figure-][href$='q=phase%3Astopped']").click()
    expect(page).to_have_url(re.compile(r"/environments/\?q=phase%3Astopped$"))
    page.locator(".list-name").get_by_role("link", name=environment.name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(environment.name)
    page.get_by_role("navigation", name="About this environment").get_by_role("link", name="Timeline").click()
    page.get_by_role("navigation", name="Period").get_by_role("link", name="Hour").click()
    page.get_by_role("link", name=re.compile("^Environment: stopped from ")).first.click()
    chosen = page.locator("#chosen")
    expect(chosen.get_by_role("heading")).to_have_text("Environment became stopped")
    expect(chosen.locator(".op-diff").first).to_contain_text("stopped")
    chosen.get_by_role("link", name="Stop environment").click()
    expect(page.locator("main")).to_contain_text("Nobody uses it")
    page.go_back()
    expect(chosen.get_by_role("heading")).to_have_text("Environment became stopped")
    while not page.url.endswith("/environments/?q=phase%3Astopped"):
        page.go_back()
    expect(page.locator(".list-name").get_by_role("link", name=environment.name)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("region", name="Needs attention")).to_be_visible()
