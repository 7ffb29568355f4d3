"""The timeline of an environment in a real browser: from a bar to the difference to the operation, and back."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.models import Environment, SpecificationVersion
from portal.sandbox.server import Sandbox
from tests.browser import chromium, fleet
from tests.browser.scenes import address
from tests.browser.scenes_timeline import lived
from tests.support import operations

pytestmark = pytest.mark.browser


def running() -> Environment:
    return Environment.objects.running().order_by("id")[0]


def test_a_bar_leads_to_its_difference_and_on_to_the_operation_and_back(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, running()
    lived(environment)
    page.goto(address(environment))
    page.get_by_role("navigation", name="About this environment").get_by_role("link", name="Timeline").click()
    page.get_by_role("navigation", name="Period").get_by_role("link", name="Hour").click()
    page.get_by_role("link", name=re.compile("^Environment: stopped from ")).first.click()
    chosen = page.locator("#chosen")
    expect(chosen.get_by_role("heading")).to_have_text("Environment became stopped")
    expect(chosen.locator(".op-diff").first).to_contain_text("stopping")
    chosen.get_by_role("link", name="Stop environment").click()
    expect(page).to_have_url(re.compile(r"/operations/[0-9a-f-]{36}/$"))
    page.go_back()
    expect(chosen.get_by_role("heading")).to_have_text("Environment became stopped")
    chosen.get_by_role("link", name="Close").click()
    expect(chosen).to_have_count(0)


def test_bars_are_reached_and_opened_by_keyboard(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, running()
    page.goto(f"{lived(environment)}?zoom=hour")
    bar = page.get_by_role("link", name=re.compile("^Devcontainer: running from ")).last
    bar.focus()
    expect(bar).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('svg') !== null")
    bar.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#chosen").get_by_role("heading")).to_have_text("Devcontainer became running")


def test_a_state_that_was_there_from_the_beginning_is_opened_by_keyboard(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, running()
    page.goto(f"{lived(environment)}?zoom=day")
    page.get_by_role("link", name=re.compile("^Content: .* from ")).first.focus()
    page.keyboard.press("Enter")
    chosen = page.locator("#chosen")
    expect(chosen.get_by_role("heading")).to_have_text(re.compile("^Content as first observed: "))
    expect(chosen.locator(".op-diff").last).to_contain_text("spec.")


def test_two_versions_chosen_by_hand_are_compared_and_the_operation_behind_one_is_a_link(
    signed_in: Page, sandbox: Sandbox
) -> None:
    page, environment = signed_in, running()
    page.goto(lived(environment))
    page.get_by_role("link", name="Versions of the specification").click()
    newest = int(SpecificationVersion.objects.of(environment)[0].spec_version)
    page.get_by_label(f"From version {newest - 2}").check()
    page.get_by_label(f"To version {newest}").check()
    page.get_by_role("button", name="Compare selected").click()
    expect(page.locator("#compared")).to_have_text(f"Version {newest - 2} and version {newest}")
    expect(page.locator(".op-diff")).to_contain_text("timeout.disconnected")
    expect(page.locator(".op-diff")).to_contain_text("admission")
    page.locator(".tl-version-table").get_by_role("link", name="ann").click()
    expect(page).to_have_url(re.compile(r"/operations/[0-9a-f-]{36}/$"))


def test_two_versions_are_compared_by_their_numbers_and_what_was_never_seen_is_told_beside_it(
    signed_in: Page, sandbox: Sandbox
) -> None:
    page, environment = signed_in, running()
    lived(environment)
    page.goto(reverse("environments:specification", args=[environment.pk]))
    newest = int(SpecificationVersion.objects.of(environment)[0].spec_version)
    page.get_by_label("From version", exact=True).fill("999999")
    page.get_by_label("To version", exact=True).fill(str(newest))
    page.get_by_role("button", name="Compare", exact=True).click()
    field = page.get_by_label("From version", exact=True)
    expect(field).to_have_value("999999")
    expect(field).to_have_accessible_description(re.compile("^Version 999999 was not observed"))
    field.fill(str(newest - 2))
    field.press("Enter")
    expect(page.locator("#compared")).to_have_text(f"Version {newest - 2} and version {newest}")


def test_the_picture_goes_on_while_it_is_open(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, running()
    page.clock.install()
    page.goto(f"{lived(environment)}?zoom=hour&lane=environment")
    words = page.get_by_label("Search these changes")
    words.fill("upda")
    sandbox.world.change(str(environment.id), status={"phase": "ENVIRONMENT_PHASE_UPDATING"})
    fleet.read_environments(sandbox)
    page.clock.fast_forward(6_000)
    expect(page.locator("table", has_text="Happened between")).to_contain_text("Environment became updating")
    expect(page.get_by_role("navigation", name="Period").locator("[aria-current]")).to_have_text("Hour")
    operations.operation("environment.mark_active", environment_id=environment.pk, target_id=environment.pk)
    page.clock.fast_forward(6_000)
    expect(page.get_by_role("link", name=re.compile("^Keep environment awake, requested by ann"))).to_be_attached()
    expect(words).to_have_value("upda")
    words.press("Enter")
    expect(page).to_have_url(re.compile("lane=environment.*q=upda"))
    expect(page.locator("table", has_text="Happened between").locator("tbody tr")).to_have_count(1)


def test_on_a_phone_the_picture_is_as_wide_as_the_screen_and_names_stand_above_their_lanes(
    signed_in: Page, sandbox: Sandbox
) -> None:
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(lived(running()))
    assert not chromium.overflow(page)
    name, picture = (page.locator(f".tl-lane:nth-child(2) {part}").bounding_box() for part in (".tl-name", ".tl-svg"))
    assert name is not None
    assert picture is not None
    assert name["y"] < picture["y"]
    assert picture["width"] > 300
