"""The Automations tab in a real browser: what is done there shows there, without a reload."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from automations.models import Service, Task
from automations.sync.poller import follow_all
from portal.sandbox.server import Sandbox
from tests.automations.environment_tab import tab
from tests.automations.environment_tab.tab import there
from tests.browser import chromium
from tests.browser.scenes_automations_tab import furnish, open_form, page_of, save
from tests.support import factories

pytestmark = pytest.mark.browser


def test_a_service_is_started_by_one_press_and_comes_up_without_a_reload(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, tab.environment(sandbox)
    web, *_ = furnish(sandbox, environment)
    page.goto(page_of(environment))
    card = page.locator(f"#service-{web.pk}")
    card.locator("summary").click()
    open_form(page, "New task")
    page.get_by_label("Reference").fill("half-typed")
    card.get_by_role("button", name="Start Web server").click()
    expect(page.locator("#environment .note").first).to_contain_text("Web server started by ada")
    expect(page.get_by_label("Reference")).to_have_value("half-typed")
    expect(card).to_contain_text(re.compile("starting|running"))
    sandbox.world.advance(timedelta(minutes=3))
    follow_all()  # as the worker does
    expect(card.locator(".phase").first).to_have_text(re.compile("running|failed"))
    expect(card.locator("details")).to_have_attribute("open", "")
    page.locator("#panel").get_by_role("link", name="Cancel").click()
    open_form(page, "Stop Web server")
    page.get_by_label("Reason").fill("enough of it")
    save(page, "Stop service")
    expect(page.locator("#panel")).to_be_hidden()
    sandbox.world.advance(timedelta(minutes=3))
    follow_all()  # as the worker does
    expect(card.locator(".phase").first).to_have_text("stopped")


def test_a_service_is_made_changed_and_deleted(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, tab.environment(sandbox)
    page.goto(page_of(environment))
    open_form(page, "New service")
    page.get_by_label("Reference").fill("cache")
    page.get_by_label("Name", exact=True).fill("Cache")
    page.get_by_label("Start command").fill("redis-server")
    page.get_by_label("Readiness timeout").fill("25h")
    page.get_by_label("Reason").fill("sessions are slow")
    save(page, "Create")
    expect(page.locator("#panel .field-error")).to_contain_text("At most 24 hours")
    page.get_by_label("Readiness timeout").fill("90s")
    page.get_by_label("Variable, row 1").fill("MODE")
    page.get_by_label("Value, row 1").fill("fast")
    save(page, "Create")
    card = page.locator(".auto-service", has_text="cache")
    expect(card).to_contain_text("1 min 30 s")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#environment .note").first).to_contain_text("cache created by ada")
    open_form(page, "Edit Cache")
    expect(page.get_by_label("Value, row 1")).to_have_value("")
    expect(page.get_by_label("Value, row 1")).to_have_attribute("placeholder", "kept")
    page.get_by_label("a container of its own, from an image").check()
    page.get_by_role("textbox", name="Image").fill("redis:7")
    page.get_by_label("Reason").fill("as everybody does")
    save(page)
    expect(page.locator("#panel")).to_be_hidden()
    spec = there(sandbox, Service.objects.get(environment=environment, reference="cache"))["spec"]
    assert spec["env"] == [{"name": "MODE", "value": "fast"}]
    assert spec["runsOn"] == {"docker": {"image": "redis:7"}}
    # what is swapped between a mouse's down and up loses the click: the page has come to rest
    expect(page.locator("#environment .note").first).to_contain_text("Cache changed by ada")
    open_form(page, "Delete Cache")
    page.get_by_label("Reason").fill("not needed")
    save(page, "Delete service")
    expect(card).to_have_count(0)


def test_a_conflict_is_shown_side_by_side_and_mine_is_used(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, tab.environment(sandbox)
    _, build, _ = furnish(sandbox, environment)
    page.goto(page_of(environment))
    open_form(page, "Edit Build")
    page.get_by_label("Name", exact=True).fill("Mine")
    page.get_by_label("Reason").fill("clearer")
    sandbox.world.change_automation("TASK", str(build.pk), {"metadata": {"name": "Theirs"}})
    save(page)
    expect(page.locator(".edit-conflict tbody tr").first.locator("td")).to_contain_text(["Build", "Theirs", "Mine"])
    page.locator(".edit-choice").get_by_role("button", name="Use mine").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator(f"#task-{build.pk} h3")).to_have_text("Mine")


def test_a_task_is_made_after_another_refused_in_a_circle_run_and_deleted(
    administering: Page, sandbox: Sandbox
) -> None:
    page, environment = administering, tab.environment(sandbox)
    tab.task(sandbox, environment)
    page.goto(page_of(environment))
    open_form(page, "New task")
    page.get_by_label("Reference").fill("check")
    page.get_by_label("Name", exact=True).fill("Check")
    page.get_by_label("Command", exact=True).fill("make check")
    page.get_by_label("Build (build)").check()
    page.get_by_label("Reason").fill("wanted")
    save(page, "Create")
    row = page.locator(".auto-task", has_text="Check")
    expect(row).to_contain_text("Needs Build")
    expect(page.locator(".auto-picture")).to_contain_text("Check")
    open_form(page, "Edit Build")
    page.get_by_label("Check (check)").check()
    page.get_by_label("Reason").fill("x")
    save(page)
    expect(page.locator("#panel .field-error")).to_contain_text("build → check → build")
    page.locator("#panel").get_by_role("link", name="Cancel").click()
    sandbox.world.agenda.items.clear()  # nobody stops or deletes the environment meanwhile
    row.get_by_role("button", name="Start Check").click()
    expect(row.locator(".auto-mark")).to_have_count(1)
    sandbox.world.advance(timedelta(hours=1))
    follow_all()  # as the worker does
    expect(row.locator(".auto-mark")).to_contain_text(re.compile("[✓✕]"))
    open_form(page, "Delete Check")
    page.get_by_label("Reason").fill("no more")
    save(page, "Delete task")
    expect(row).to_have_count(0)
    assert Task.objects.get(environment=environment, reference="check").gone_at is not None


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_task_is_started_and_a_service_is_edited(
    context: BrowserContext, sandbox: Sandbox, live_server: LiveServer
) -> None:
    ada: User = factories.user("Admin", username="ada")
    chromium.sign_in(context, ada, live_server.url)
    page, environment = context.new_page(), tab.environment(sandbox)
    web, build, _ = furnish(sandbox, environment)
    page.goto(page_of(environment))
    page.get_by_role("button", name="Start Build").click()
    expect(page).to_have_url(re.compile(r"/automations/$"))
    expect(page.locator("#environment .note").first).to_contain_text("Build started by ada")
    expect(page.locator(f"#task-{build.pk} .auto-mark")).to_have_count(1)
    open_form(page, "Edit Web server")
    page.get_by_label("Name", exact=True).fill("Shop")
    page.get_by_label("Reason").fill("as people call it")
    save(page)
    expect(page.locator(f"#service-{web.pk} h3")).to_have_text("Shop")
