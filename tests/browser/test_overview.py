"""The overview as somebody keeps it open all day."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from environments.models import Phase, SyncRun
from environments.overview.refresh import refresh_parts
from tests.support import factories

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)
POLL = 21_000


def test_news_take_the_place_of_what_is_old_and_leave_alone_what_one_is_at(signed_in: Page) -> None:
    now, page = timezone.now(), signed_in
    factories.environment(phase=Phase.RUNNING)
    sweep = SyncRun.objects.create(
        kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=now, finished_at=now
    )
    refresh_parts(now - HOUR, everything=True)
    page.clock.install()
    zone = page.context.new_cdp_session(page)
    zone.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page.goto("/")
    page.evaluate("window.sameDocument = true")
    month = page.get_by_role("group", name="Period").get_by_role("link", name="month")
    month.click()
    expect(month).to_have_attribute("aria-current", "true")  # the new chart would take the place of an open table
    page.get_by_text("View as table").click()
    page.get_by_role("link", name="Data freshness").focus()
    expect(page.locator("#fresh")).to_contain_text("current")
    SyncRun.objects.filter(pk=sweep.pk).update(started_at=now - HOUR)
    page.clock.fast_forward(POLL)
    expect(page.locator("#fresh")).to_contain_text("late")
    expect(page.locator("#freshness")).to_contain_text("behind")
    expect(page.get_by_role("link", name="Data freshness")).to_be_focused()
    factories.environment(phase=Phase.STOPPED)
    refresh_parts(now, everything=True)
    page.clock.fast_forward(POLL)
    expect(page.locator("#figure-1")).to_contain_text("2")
    expect(page.locator("#running-over")).to_contain_text(f"as of the last sync, at {now:%Y-%m-%d %H:%M}")
    expect(page.locator("#running-table")).to_have_attribute("open", "")
    expect(month).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="Data freshness")).to_be_focused()
    assert page.evaluate("window.sameDocument === true")
    columns, read = page.locator("#running-chart .chart-point"), page.locator("#running-chart .chart-read")
    columns.last.focus()
    expect(read).to_have_text("now: 1 running")
    page.keyboard.press("Home")
    expect(columns.first).to_be_focused()
    expect(read).to_contain_text(": not observed")
    page.keyboard.press("ArrowRight")
    expect(columns.nth(1)).to_be_focused()
    columns.last.hover()
    expect(read).to_have_text("now: 1 running")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 environment", exact=True)).to_be_visible()
    page.locator(".topbar-user").click()
    page.get_by_role("button", name="Local time in tooltips").click()
    page.keyboard.press("Escape")
    page.reload()
    time = page.locator("#freshness time").first
    time.hover()
    expect(time).to_have_attribute("title", re.compile(r"UTC\n.* Asia/Tokyo$"))
