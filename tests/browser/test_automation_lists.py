"""The lists across the organization in a real browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from automations.models import ExecutionPhase
from automations.sync.summaries import refresh
from tests.support import factories
from tests.support.automation_factories import execution, service, task

pytestmark = pytest.mark.browser


@pytest.fixture
def runs(_portal: None) -> None:
    otter, heron = factories.environment(name="quiet-otter"), factories.environment(name="loud-heron")
    execution(task(otter), ago=timedelta(days=2), phase=ExecutionPhase.FAILED, failure="exit status 2")
    execution(task(heron, "seed"), ago=timedelta(seconds=80), took=None, started_by="postDevcontainerStart")
    service(otter)
    refresh()


def test_filters_narrow_the_list_and_its_address_and_durations_of_what_runs_count_on(
    signed_in: Page, runs: None
) -> None:
    page = signed_in
    page.goto("/automations/")
    so_far = page.locator("[data-since]")
    expect(so_far).to_have_text(re.compile("1 min"))
    before = so_far.inner_text()
    expect(so_far).not_to_have_text(before)
    page.set_viewport_size({"width": 1440, "height": 900})
    by = page.get_by_role("link", name="after devcontainer start")
    assert by.evaluate("link => link.offsetHeight") < 30, "it wraps"
    page.locator("#phase-failed").check()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("phase=failed"))
    page.get_by_label("Search executions").fill("task:nothing")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="task:nothing").click()
    expect(page.get_by_role("link", name="Build", exact=True)).to_be_visible()


def test_what_fails_leads_from_its_task_to_its_runs(signed_in: Page, runs: None) -> None:
    page = signed_in
    page.goto("/automations/")
    page.get_by_role("navigation", name="Automations").get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("img", name="Newest 1 run, the newest first: failed")).to_be_visible()
    page.get_by_role("link", name="100 % of 1").click()
    expect(page.get_by_text("exit status 2")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="build", exact=True).click()
    expect(page.get_by_role("link", name="quiet-otter", exact=True)).to_be_visible()
