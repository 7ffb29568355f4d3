"""The ledger as a person reads it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from tests.browser import chromium
from tests.support.operations import ENVIRONMENT, PORTS, REFUSED, operation

pytestmark = pytest.mark.browser


@pytest.fixture
def ledger(_portal: None) -> Operation:
    """Forty stops by two people, one of them refused, and a change of ports, which is given."""
    for minute in range(1, 41):
        operation(actor_name="ann" if minute % 4 else "bo", ago=timedelta(minutes=minute))
    operation("environment.start", outcome=Outcome.FAILED, ago=timedelta(days=8), **REFUSED)
    return operation("environment.edit_ports", ago=timedelta(minutes=3), **PORTS)


def rows(page: Page) -> Locator:
    return page.locator("#list tbody tr")


def test_conditions_are_ticked_typed_and_taken_off_without_a_reload(signed_in: Page, ledger: Operation) -> None:
    page = signed_in
    page.goto("/operations/?size=25")
    page.evaluate("window.sameDocument = true")
    expect(rows(page)).to_have_count(25)
    page.get_by_role("checkbox", name="failed").check()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"outcome=failed&size=25$"))
    page.get_by_role("radio", name="last 7 days").check()
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    chips = page.get_by_role("list", name="Active filters")
    chips.get_by_role("link", name=re.compile("last 7 days")).click()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("radio", name="any time")).to_be_checked()
    chips.get_by_role("link", name=re.compile("Outcome: failed")).click()
    expect(rows(page)).to_have_count(25)
    page.get_by_label("Search operations").press_sequentially("actor:bo")
    expect(rows(page)).to_have_count(10)
    page.get_by_label("Who", exact=True).select_option("ann")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert page.evaluate("window.sameDocument === true")


def test_an_operation_opens_and_shows_what_it_changed(signed_in: Page, ledger: Operation) -> None:
    page = signed_in
    page.goto("/operations/")
    page.get_by_role("link", name="Change ports of environment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change ports of environment: quiet-otter")
    changed = page.get_by_role("row", name=re.compile(re.escape("ports[8080].admission")))
    expect(changed).to_contain_text("creator only")
    expect(changed).to_contain_text("everyone with the link")
    expect(page.get_by_role("row", name=re.compile(r"timeout\.disconnected"))).to_contain_text("3 h")
    unchanged = page.get_by_text("ports[8080].name")
    expect(unchanged).to_be_hidden()
    page.locator("summary", has_text="unchanged field").click()
    expect(unchanged).to_be_visible()
    page.locator("summary", has_text="The request").click()
    expect(page.locator("#operation pre")).to_contain_text('"environmentId"')
    page.get_by_role("link", name="All operations of this environment").click()
    expect(page.get_by_role("list", name="Active filters")).to_contain_text("quiet-otter")


def test_the_request_id_is_copied_whole(signed_in: Page, ledger: Operation) -> None:
    page = signed_in
    page.goto(f"/operations/{Operation.objects.get(outcome=Outcome.FAILED).pk}/")
    page.get_by_role("button", name="Copy Ona's request id").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == REFUSED["request_id"]


def test_open_pages_follow_an_operation_to_its_end(signed_in: Page, viewer: User, ledger: Operation) -> None:
    page, target = signed_in, recording.Target("environment", ENVIRONMENT, "new-fox", ENVIRONMENT)
    page.clock.install()
    page.goto("/operations/")
    made, _ = recording.begin("environment.stop", target, {"actor": viewer})
    page.clock.fast_forward(6_000)
    page.get_by_role("link", name="Show", exact=True).click()
    expect(rows(page).first).to_contain_text("pending")
    page.locator(f"#a{made.pk.hex}").click()
    expect(page.locator("#operation")).to_contain_text("not sent to Ona yet")
    recording.close(made, Outcome.SUCCEEDED)
    page.clock.fast_forward(4_000)
    expect(page.locator("#operation")).to_contain_text("Done.")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_the_ledger_is_filtered_paged_and_read(
    context: BrowserContext, viewer: User, live_server: LiveServer, ledger: Operation
) -> None:
    chromium.sign_in(context, viewer, live_server.url)
    page = context.new_page()
    page.goto("/operations/?size=25")
    page.get_by_role("link", name="Next", exact=True).click()
    expect(rows(page)).to_have_count(17)
    page.get_by_role("checkbox", name="failed").check()
    page.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile("outcome=failed"))
    page.get_by_role("link", name=re.compile("Outcome: failed")).click()
    page.get_by_label("Search operations").fill("action:ports")
    page.get_by_role("button", name="Search").click()
    rows(page).locator(".list-name a").click()
    expect(page.get_by_text("ports[8080].admission")).to_be_visible()
    page.locator("summary", has_text="The request").click()
    expect(page.locator("#operation pre")).to_be_visible()


def test_an_operation_nobody_knows_is_explained(signed_in: Page, watch: chromium.Watch) -> None:
    watch.allowed_statuses.add(404)
    signed_in.goto("/operations/00000000-0000-4000-8000-000000000000/")
    expect(signed_in.get_by_text("The ledger has no operation")).to_be_visible()
