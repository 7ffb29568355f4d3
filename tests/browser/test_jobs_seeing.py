"""Everyday jobs of an admin or an auditor, in few clicks from the overview; typing is not counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from environments.models import Environment, SpecificationVersion, SyncRun
from environments.overview.refresh import refresh_parts
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.support import audits, factories
from tests.support.audit_entries import entry, person

pytestmark = pytest.mark.browser
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Clicks:
    """Counts from the overview on."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0
        page.goto("/")

    def on(self, target: Locator) -> None:
        target.click()
        self.count += 1

    def link(self, name: str | re.Pattern[str], within: str = "body") -> None:
        self.on(self.page.locator(within).get_by_role("link", name=name).first)


def why_did_it_fail_and_its_log(page: Page) -> int:
    clicks = Clicks(page)
    clicks.link(re.compile("failing now"))
    row = page.locator("tbody tr", has_text="breaks-when-built")
    expect(row.locator(".list-failure")).to_contain_text("devcontainer up failed")
    clicks.on(row.get_by_role("link", name="View log"))
    expect(page.locator(".log-lines")).to_contain_text("✗ devcontainer up failed")
    return clicks.count


def extend_one_lockdown(page: Page) -> int:
    clicks = Clicks(page)
    page.keyboard.press("/")
    page.keyboard.type("soon-locked")
    expect(page.locator("#found").get_by_role("link", name="soon-locked").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="soon-locked")).to_be_visible()
    clicks.on(page.locator("summary", has_text="More"))
    clicks.on(page.locator("#environment-menu").get_by_role("link", name=re.compile("^Lockdown|^Set lockdown")))
    result = page.locator("#lockdown-result")
    expect(result).to_contain_text("7 d later")
    page.get_by_label("Reason").fill("the release is late")
    before = Environment.objects.get(name="soon-locked").lockdown_at
    clicks.on(page.locator("#panel").get_by_role("button", name=re.compile("lockdown", re.I)))
    expect(page.locator("#environment .note").first).to_contain_text("Lockdown changed by ada")
    assert before is not None
    assert Environment.objects.get(name="soon-locked").lockdown_at == before + 7 * DAY
    return clicks.count


def who_changed_which_timeout(page: Page) -> int:
    clicks = Clicks(page)
    clicks.link("Operations", "nav")
    clicks.link("Combined log")
    page.get_by_label("What").fill("timeout")
    page.keyboard.press("Enter")
    row = page.locator("tbody tr", has_text="Timeout 1 h → 4 h")
    expect(row).to_contain_text("Ann Example")
    expect(row.get_by_role("link", name="version 7")).to_be_visible()
    return clicks.count


def the_end_of_last_month(page: Page) -> int:
    clicks = Clicks(page)
    clicks.link("Audit", "nav")
    clicks.on(page.locator("summary", has_text="View at a past time"))
    clicks.link(re.compile("^End of last month"))
    end = timezone.now().replace(day=1) - DAY
    expect(page.locator(".aud-bar")).to_contain_text(f"As of {end:%Y-%m-%d} 23:59")
    return clicks.count


def deletions_of_next_week_as_csv(page: Page) -> int:
    clicks = Clicks(page)
    clicks.link(re.compile("to be deleted within 7 days with unpushed work"))
    expect(page.locator("tbody tr", has_text="goes-soon")).to_be_visible()
    with page.expect_download() as file:
        clicks.link("CSV", ".list-export")
    assert "goes-soon" in file.value.path().read_text()
    return clicks.count


MOST: dict[Callable[[Page], int], int] = {
    why_did_it_fail_and_its_log: 2,
    extend_one_lockdown: 3,
    who_changed_which_timeout: 2,
    the_end_of_last_month: 3,
    deletions_of_next_week_as_csv: 3,
}


def test_each_job_takes_few_clicks(administering: Page, sandbox: Sandbox) -> None:
    sandbox.logs.warming = 0
    sandbox.world.add_environment(Condition(name="breaks-when-built", failing="devcontainer"))
    sandbox.world.add_environment(Condition(name="soon-locked", lockdown="day"))
    fleet.read_environments(sandbox)
    now = timezone.now()
    audits.policies(delete=14)
    factories.environment(
        name="goes-soon", archived_at=now - 9 * DAY, phase="ENVIRONMENT_PHASE_STOPPED", changed_files=2
    )
    changed = factories.environment(name="another-timeout")
    for number, after in {6: "3600s", 7: "14400s"}.items():
        SpecificationVersion.objects.create(
            environment=changed, spec_version=number, spec={"timeout": {"disconnected": after}},
            old_seen_at=now - (9 - number) * MINUTE * 2, seen_at=now - (8 - number) * MINUTE * 2,
        )  # fmt: skip
    ann = person("Ann Example")
    entry("update environment: spec.timeout", ago=3 * MINUTE, subject_id=changed.pk, actor_id=ann.pk)
    SyncRun.objects.create(
        kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=now - 90 * DAY,
        finished_at=now - 90 * DAY,
    )  # fmt: skip
    refresh_parts(timezone.now(), everything=True)
    for job, most in MOST.items():
        assert job(administering) <= most, job.__name__
