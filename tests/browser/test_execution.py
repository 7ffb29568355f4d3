"""The page of an execution in a real browser: it follows its plan to the end without a reload."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from automations.models import TaskExecution
from portal.sandbox.server import Sandbox
from tests.browser import chromium
from tests.browser.scenes_execution import address, open_panel, released, start
from tests.support import plans

pytestmark = pytest.mark.browser
# The sandbox comes first, so that it goes last: the page reads a log from it until it is closed.


def steps_begun(sandbox: Sandbox, execution: TaskExecution) -> int:
    document = sandbox.world.executions.entries[str(execution.pk)].document()
    return len(document["status"].get("steps", []))


def advance_until(sandbox: Sandbox, execution: TaskExecution, steps: int) -> None:
    """Let the world live until so many steps have begun."""
    for _ in range(1000):
        if steps_begun(sandbox, execution) >= steps:
            return
        sandbox.world.advance(timedelta(seconds=5))
    raise AssertionError(f"fewer than {steps} steps began")


def test_a_plan_of_ten_steps_in_four_groups_moves_to_its_end_and_its_log_to_its_last_line_without_a_reload(
    sandbox: Sandbox, administering: Page
) -> None:
    page, execution = administering, start(released(sandbox))
    page.goto(address(execution))
    page.evaluate("window.opened = true")
    plan, phase = page.locator(".plan"), page.locator("#execution-head .env-phase")
    expect(phase).to_contain_text("pending")
    expect(plan.locator(".plan-group")).to_have_count(4)
    expect(plan.locator(".plan-step")).to_have_count(10)
    expect(plan.locator(".plan-step-waiting")).to_have_count(10)
    begun = 0
    for number, size in enumerate(plans.GROUPS):
        begun += size
        advance_until(sandbox, execution, begun)
        group = plan.locator(".plan-group").nth(number)
        expect(group.locator(".plan-step-waiting")).to_have_count(0)
        expect(plan.locator(".plan-step-waiting")).to_have_count(10 - begun)
        expect(plan.locator(".plan-step-succeeded")).to_have_count(begun - size)
        expect(phase).to_contain_text("running")
    expect(page.locator(".log-state")).to_contain_text("so far.")
    sandbox.world.advance(timedelta(minutes=10))
    expect(phase).to_contain_text("succeeded")
    expect(plan.locator(".plan-step-succeeded")).to_have_count(10)
    expect(page.locator(".plan-tally")).to_have_text("10 steps in 4 groups: 10 succeeded")
    expect(page.locator("#execution-menu")).to_contain_text("It has ended.")
    expect(page.locator("#execution-history")).to_contain_text("Execution became succeeded")
    expect(page.locator(".log-state")).to_contain_text("The log ends here.")
    expect(page.locator(".log-line").last).to_contain_text("Execution succeeded")
    assert page.evaluate("window.opened") is True


def test_groups_stand_side_by_side_and_on_phones_one_below_the_other(sandbox: Sandbox, administering: Page) -> None:
    page, execution = administering, start(released(sandbox))
    page.goto(address(execution))

    def corners() -> list[tuple[float, float]]:
        boxes = [group.bounding_box() for group in page.locator(".plan-group").all()]
        return [(box["x"], box["y"]) for box in boxes if box]

    wide = corners()
    assert [y for _, y in wide] == [wide[0][1]] * 4
    assert sorted(x for x, _ in wide) == [x for x, _ in wide]
    page.set_viewport_size({"width": 390, "height": 844})
    narrow = corners()
    assert [x for x, _ in narrow] == [narrow[0][0]] * 4
    assert sorted(y for _, y in narrow) == [y for _, y in narrow]
    assert not chromium.overflow(page)


def test_what_is_typed_stays_while_the_plan_moves_and_the_stop_is_followed(
    sandbox: Sandbox, administering: Page
) -> None:
    page, execution = administering, start(released(sandbox))
    page.goto(address(execution))
    open_panel(page, "Stop")
    page.locator("#panel").get_by_label("Reason").fill("the wrong branch")
    advance_until(sandbox, execution, 3)
    expect(page.locator(".plan-step-running")).to_have_count(3)
    expect(page.locator("#panel").get_by_label("Reason")).to_have_value("the wrong branch")
    page.locator("#panel").get_by_role("button", name="Stop").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#execution-head .env-phase")).to_contain_text("stopped")
    expect(page.locator(".plan-step-not-run")).to_have_count(7)
    expect(page.locator("#execution-history")).to_contain_text("the wrong branch")


def test_run_again_leads_to_the_page_of_the_new_execution(sandbox: Sandbox, administering: Page) -> None:
    page, execution = administering, start(released(sandbox))
    page.goto(address(execution))
    open_panel(page, "Run again")
    page.locator("#panel").get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(str(execution.pk)))
    expect(page.locator(".plan-step-waiting")).to_have_count(10)
