"""Finding anything with the keys alone, from any page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.support import factories

pytestmark = pytest.mark.browser


def test_anything_is_opened_by_its_name_with_the_keys_alone(signed_in: Page) -> None:
    page = signed_in
    environment = factories.environment(name="brave-quill")
    other = factories.environment(name="brave-raven")
    page.goto("/sync/")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type("brave-q")
    page.keyboard.press("Enter")  # before the results are there: it waits for them
    expect(page).to_have_url(re.compile(f"/environments/{environment.pk}/$"))
    page.locator("body").press("/")
    page.keyboard.type("brave")
    found = page.locator("#found a.found-link")
    expect(found).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(found.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Search everything")).to_be_focused()
    found.filter(has_text="brave-raven").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/environments/{other.pk}/$"))
    page.goto("/operations/")
    page.keyboard.press("Control+k")
    expect(page.locator(".found-recent a")).to_have_text(["brave-raven", "brave-quill"])
    page.keyboard.press("Escape")
    expect(page.locator(".found-recent")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("f")
    expect(page.get_by_label("Search operations")).to_be_focused()
    page.set_viewport_size({"width": 390, "height": 844})
    bar = page.locator(".topbar").bounding_box()
    assert bar is not None
    assert bar["height"] <= 48  # one row, with the search folded to its sign
    page.get_by_label("Search everything").fill("brave-q")
    expect(found).to_have_text([re.compile("brave-quill")])
    opened, row = page.get_by_label("Search everything").bounding_box(), found.bounding_box()
    assert opened is not None
    assert row is not None
    assert min(opened["width"], row["width"]) > 340
    page.keyboard.press("Escape")
    page.locator(".topbar-user").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Username")).to_be_visible()
    page.wait_for_function("localStorage.getItem('portal-recent') === null")


def test_times_go_on_while_a_page_is_open(signed_in: Page) -> None:
    page = signed_in
    environment = factories.environment(created_at=timezone.now() - timedelta(hours=3))
    page.clock.install()
    page.goto(f"/environments/{environment.pk}/")
    created = page.locator("main time[data-ago]").filter(has_text="3 h ago").first
    expect(created).to_be_visible()
    created.evaluate("element => { element.id = 'created' }")
    page.clock.fast_forward(2 * 3_600_000)
    expect(page.locator("#created")).to_have_text("5 h ago")
