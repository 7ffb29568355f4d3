"""From an audit to one action on many environments: ticked, planned, confirmed, done, and in the ledger."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from automations.batches.worker import drive_batches
from automations.models import Batch
from environments.models import Environment, Phase
from portal.ledger.models import Operation
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.browser import fleet

pytestmark = pytest.mark.browser
BATCH = re.compile(r"/operations/batches/[0-9a-f-]{36}/$")


def test_two_that_run_past_their_lockdown_are_selected_and_stopped(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    names = ("left-over-one", "left-over-two", "left-over-three")
    for name in names:
        sandbox.world.add_environment(Condition(name=name, lockdown="past", git="unpushed", never_stops=True))
    fleet.read_environments(sandbox)
    page.goto("/audit/lockdown/?status=running&q=left-over")
    rows = page.locator("#list tbody tr")
    assert rows.first.evaluate("row => row.getBoundingClientRect().top") < 540, "rows begin high on the screen"
    for name in names[:2]:
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("button", name="Stop… selected").click()

    expect(page.get_by_role("heading", name="Stop 2 environments")).to_be_visible()
    targets = page.get_by_role("group", name="Will run on")
    expect(targets.get_by_role("checkbox")).to_have_count(2)
    expect(targets.get_by_text("unpushed commit").first).to_be_visible()
    page.get_by_label("Reason").fill("locked down and still running")
    page.get_by_role("button", name="Stop these environments").click()

    expect(page).to_have_url(BATCH)
    expect(page.get_by_role("heading", name="Stop 2 environments")).to_be_visible()
    drive_batches()
    expect(page.get_by_text("in progress", exact=True).first).to_be_visible()
    sandbox.world.advance(timedelta(minutes=3))
    drive_batches()
    expect(page.get_by_role("link", name="2 succeeded")).to_be_visible()
    phases = dict(Environment.objects.filter(name__in=names).values_list("name", "phase"))
    assert phases == {names[0]: Phase.STOPPED, names[1]: Phase.STOPPED, names[2]: Phase.RUNNING}

    page.get_by_role("link", name="item operations").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(page.locator("#list tbody tr", has_text="Stop environment")).to_have_count(2)
    assert Operation.objects.filter(parent_id=Batch.objects.get().pk).count() == 2


def test_the_field_for_a_reference_is_there_for_what_has_one_and_what_was_typed_stays(
    administering: Page, sandbox: Sandbox
) -> None:
    page = administering
    page.goto("/operations/batches/new/?q=phase:running")
    what, reference = page.locator("select[name=action]"), page.get_by_label("Task or service (reference)")
    what.select_option(label="Stop")
    expect(reference).to_be_hidden()
    what.select_option(label="Start task")
    expect(reference).to_be_visible()
    what.select_option(label="Set lockdown")
    page.get_by_role("button", name="Show plan").click()
    page.get_by_label("Lock down at (UTC)").fill("2020-01-01T10:00")
    page.get_by_label("Reason").fill("extended by a week")
    page.get_by_role("button", name="Set lockdown of these environments").click()
    expect(page.get_by_text("This time has passed.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("extended by a week")
    expect(page.get_by_label("Lock down at (UTC)")).to_have_value("2020-01-01T10:00")


def test_a_selection_survives_swaps_and_is_stopped_in_four_clicks(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    names = [f"idler-{number}" for number in range(5)]
    for name in names:
        sandbox.world.add_environment(Condition(name=name, never_stops=True))
    fleet.read_environments(sandbox)
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Environments").click()
    page.get_by_label("Search environments").fill("name:idler phase:running")
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(5)
    bar = page.locator("#chosen")
    expect(bar).to_be_hidden()
    boxes = rows.get_by_role("checkbox")
    boxes.nth(0).click()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(bar.get_by_role("status")).to_have_text("4 selected")
    page.locator("#sort-name").click()  # swapped: another order, the same selection
    expect(page.locator("th.list-name")).to_have_attribute("aria-sort", "ascending")
    expect(rows.locator("input:checked")).to_have_count(4)
    for key in ("j", "j", "x"):
        page.keyboard.press(key)
    expect(bar.get_by_role("status")).to_have_text(re.compile("^[35] selected$"))
    bar.get_by_role("button", name="Clear", exact=True).click()
    expect(bar).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("Select this page").click()  # a phone has the words, too
    bar.get_by_role("button", name="Stop… selected").click()
    page.get_by_label("Reason").fill("idle for a week")
    page.get_by_role("button", name="Stop these environments").click()
    expect(page).to_have_url(BATCH)
    expect(page.get_by_role("heading", name="Stop 5 environments")).to_be_visible()
    assert Batch.objects.get().items.count() == 5
