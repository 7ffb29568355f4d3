"""One environment's page, and the sync's."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from automations.models import Service
from environments.models import Environment, Phase
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.browser.chromium import Watch
from tests.browser.scenes import address

pytestmark = pytest.mark.browser

HOSTILE = "<script>alert(1)</script> repro"


def hostile() -> Environment:
    return Environment.objects.present().get(name=HOSTILE)


def test_a_name_that_is_a_script_is_text_on_every_page(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in  # that nothing ran is asserted by the fixture: no dialog, no error, nothing refused
    page.goto("/environments/?q=repro")
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page).to_have_title(re.compile(re.escape(HOSTILE)))
    page.get_by_role("link", name="Documents").click()
    page.locator("summary", has_text="metadata").click()
    expect(page.locator("pre", has_text=HOSTILE)).to_be_visible()


def test_each_tab_opens_and_is_the_current_one(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.goto(address(hostile()))
    sections = {"Content": "Git", "Secrets and access": "SSH keys", "Timeline": "Changes recorded", "Overview": "Ports"}
    tabs = page.get_by_role("navigation", name="About this environment")
    for tab, section in sections.items():
        tabs.get_by_role("link", name=tab).click()
        expect(page.get_by_role("heading", name=section, exact=True)).to_be_visible()
        expect(tabs.locator("[aria-current=page]")).to_have_text(tab)


def test_the_automations_have_an_address_of_their_own(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    service = Service.objects.filter(gone_at=None, environment__gone_at=None).order_by("id")[0]
    page.goto(address(service.environment))
    page.get_by_role("navigation", name="About this environment").get_by_role("link", name="Automations").click()
    expect(page).to_have_url(re.compile(r"/automations/$"))
    expect(page.locator("summary", has_text=str(service)).first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Ports")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Executions")).to_be_visible()


def test_an_id_is_copied_whole(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, hostile()
    page.goto(address(environment))
    page.locator("#environment-head [data-copy]").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == str(environment.id)


def test_a_change_appears_on_the_open_page(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, hostile()
    page.clock.install()
    page.goto(address(environment))
    expect(page.locator(".env-phase")).to_contain_text("running")
    sandbox.world.change(str(environment.id), status={"phase": "ENVIRONMENT_PHASE_STOPPING"})
    fleet.read_environments(sandbox)
    page.clock.fast_forward(6_000)
    expect(page.locator(".env-phase")).to_contain_text("stopping")


def test_an_environment_nobody_knows_is_explained(signed_in: Page, sandbox: Sandbox, watch: Watch) -> None:
    watch.allowed_statuses.add(404)
    signed_in.goto("/environments/00000000-0000-4000-8000-000000000000/")
    expect(signed_in.get_by_role("heading", name="This page does not exist")).to_be_visible()
    expect(signed_in.get_by_text("has no record of an environment")).to_be_visible()


def test_a_failed_run_tells_what_to_do(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.clock.install()
    page.goto("/sync/")
    expect(page.get_by_text("ONA_API_KEY")).to_have_count(0)
    fleet.read_environments(sandbox, token="another-token")
    page.clock.fast_forward(6_000)
    page.get_by_role("link", name="Show", exact=True).click()
    expect(page.locator(".env-runs .phase", has_text="failed")).to_be_visible()
    expect(page.locator(".env-error")).to_contain_text("unauthenticated")
    expect(page.get_by_text("Set ONA_API_KEY to a valid").first).to_be_visible()
    page.get_by_role("link", name="Directory and policies").click()
    expect(page.locator(".env-runs .phase", has_text="failed")).to_have_count(0)


def test_counts_of_the_overview_lead_to_those_environments(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.goto("/")
    running = Environment.objects.present().filter(phase=Phase.RUNNING).count()
    page.get_by_role("link", name=re.compile(rf"^{running} running$")).click()
    expect(page.locator("#list tbody tr")).to_have_count(min(running, 50))
