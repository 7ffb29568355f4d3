"""An admin acts on one environment: each action from its page, its result on the page without a reload."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.browser.scenes import address
from tests.support import factories

pytestmark = pytest.mark.browser


def known(sandbox: Sandbox, condition: Condition | None = None) -> Environment:
    identifier = sandbox.world.add_environment(condition)
    fleet.read_environments(sandbox)
    return Environment.objects.get(pk=identifier)


def panel(page: Page, action: str) -> None:
    """Open the form of an action from the page's menu."""
    menu = page.locator("#environment-menu")
    if action not in ("Start", "Stop"):
        menu.locator("summary").click()
    menu.get_by_role("link", name=f"{action}…", exact=True).click()
    expect(page.locator("#panel h2")).to_contain_text(action)


def send(page: Page, button: str, reason: str = "for the audit") -> None:
    page.locator("#panel").get_by_label("Reason").fill(reason)
    page.locator("#panel").get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#panel")).to_be_hidden()


def test_a_stop_is_asked_for_followed_and_done_on_the_open_page(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Stop")
    expect(page.locator("#panel .env-losses")).to_contain_text("Last used")
    send(page, "Stop")
    expect(page.locator("#environment .note").first).to_contain_text("Stop requested by ada")
    expect(page.locator(".env-phase")).to_contain_text("stopping")
    sandbox.world.advance(timedelta(minutes=2))
    expect(page.locator(".env-phase")).to_contain_text("stopped")
    expect(page.locator("#environment .note").first).to_contain_text("Stopped by ada")
    expect(page.locator("#environment-menu").get_by_role("link", name="Start…")).to_be_visible()


def test_a_stopped_environment_comes_up(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox, Condition("STOPPED"))
    page.goto(address(environment))
    panel(page, "Start")
    send(page, "Start")
    expect(page.locator(".env-phase")).to_contain_text("starting")
    sandbox.world.advance(timedelta(minutes=10))
    expect(page.locator(".env-phase")).to_contain_text("running")


def test_keeping_awake_shows_its_source(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Keep awake")
    send(page, "Keep awake")
    expect(page.locator("#environment").get_by_text("Environment Portal: ada")).to_be_visible()


def test_archived_and_brought_back(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox, Condition("STOPPED"))
    page.goto(address(environment))
    panel(page, "Archive")
    send(page, "Archive")
    expect(page.locator(".env-banner", has_text="Archived")).to_be_visible()
    panel(page, "Unarchive")
    send(page, "Unarchive")
    expect(page.locator(".env-banner", has_text="Archived")).to_have_count(0)


def test_a_new_name_is_the_page_s_name_at_once(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Rename")
    page.locator("#panel").get_by_label("Name").fill("Größe <b>prüfen</b>")
    send(page, "Rename")
    expect(page.get_by_role("heading", level=1)).to_have_text("Größe <b>prüfen</b>")


def test_a_lockdown_is_set_to_an_exact_time_and_cleared(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Lockdown")
    page.locator("#panel").get_by_label("at an exact time").check()
    page.locator("#panel").get_by_label("Time in UTC").fill("2020-01-01T10:00")
    page.locator("#panel").get_by_label("Reason").fill("kept when it is refused")
    page.locator("#panel").get_by_role("button", name="Set lockdown").click()
    expect(page.locator("#panel .field-error")).to_contain_text("This time has passed")
    expect(page.locator("#panel").get_by_label("Reason")).to_have_value("kept when it is refused")
    page.locator("#panel").get_by_label("Time in UTC").fill("2031-05-06T07:08")
    send(page, "Set lockdown")
    expect(page.locator("#environment")).to_contain_text("2031-05-06 07:08")
    panel(page, "Lockdown")
    page.locator("#panel").get_by_label("never: clear the lockdown").check()
    send(page, "Set lockdown")
    expect(page.locator("#environment")).to_contain_text("none, although there is a maximum lifetime")


def test_an_environment_is_deleted_with_its_name_typed(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Delete")
    page.locator("#panel").get_by_label("Type the environment's name").fill(environment.name)
    page.locator("#panel").get_by_label("Force").check()
    send(page, "Delete permanently")
    expect(page.locator(".env-phase")).to_contain_text("deleting")
    sandbox.world.advance(timedelta(minutes=5))
    expect(page.locator(".env-banner", has_text="Deleted")).to_be_visible()
    assert Operation.objects.get().action == "environment.force_delete"


def test_a_strict_lockdown_is_explained_where_ona_refuses(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox, Condition("STOPPED"))
    page.goto(address(environment))
    past = (timezone.now() - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    sandbox.world.change(str(environment.pk), metadata={"lockdownAt": past})
    sandbox.world.organization.policies["maximumEnvironmentLifetimeStrict"] = True
    panel(page, "Start")
    page.locator("#panel").get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#panel [role=alert]")).to_contain_text("move its lockdown to a later time or clear it")


def test_a_double_click_asks_once(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Stop")
    page.locator("#panel").get_by_label("Reason").fill("twice")
    page.locator("#panel").get_by_role("button", name="Stop").dblclick()
    expect(page.locator("#panel")).to_be_hidden()
    assert Operation.objects.count() == 1
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 1


def test_an_answer_that_is_lost_is_found_out_while_the_page_is_open(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Stop")
    sandbox.faults.inject("reset_after", rpc="EnvironmentService/StopEnvironment")
    send(page, "Stop")
    expect(page.locator("#environment .note").first).to_contain_text(re.compile("unknown|Ona has accepted it"))
    expect(page.locator(".env-phase")).to_contain_text("stopping")
    expect(page.locator("#environment .note").first).to_contain_text("Ona has accepted it")
    assert Operation.objects.get().outcome == Outcome.SUCCEEDED


def test_what_is_typed_stays_while_the_page_is_kept_up_to_date(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, known(sandbox)
    page.clock.install()
    page.goto(address(environment))
    panel(page, "Stop")
    page.locator("#panel").get_by_label("Reason").fill("half a sen")
    sandbox.world.change(str(environment.pk), metadata={"name": "renamed meanwhile"})
    fleet.read_environments(sandbox)
    page.clock.fast_forward(6_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("renamed meanwhile")
    expect(page.locator("#panel").get_by_label("Reason")).to_have_value("half a sen")


def test_a_viewer_sees_what_could_be_done_and_why_not(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, known(sandbox)
    page.goto(address(environment))
    page.locator("#environment-menu summary").click()
    expect(page.locator("#environment-menu a")).to_have_count(0)
    expect(page.locator("#environment-menu").get_by_text("Your roles do not let you do this").first).to_be_visible()


def test_a_lockdown_s_result_is_shown_and_what_was_typed_survives_the_end_of_the_session(
    administering: Page, sandbox: Sandbox
) -> None:
    page, environment = administering, known(sandbox)
    page.goto(address(environment))
    panel(page, "Lockdown")
    expect(page.get_by_label("Time in UTC")).to_be_hidden()
    page.get_by_label("at an exact time").check()
    page.get_by_label("Time in UTC").fill("2090-05-06 07:08")
    expect(page.locator("#lockdown-result")).to_contain_text("New lockdown: Saturday 2090-05-06 07:08 UTC")
    page.get_by_label("Reason").fill("moved for the release")
    Session.objects.all().delete()
    page.get_by_role("button", name="Set lockdown").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("What you typed is filled in again")).to_be_visible()
    expect(page.get_by_label("Time in UTC")).to_have_value("2090-05-06 07:08")
    expect(page.get_by_label("Reason")).to_have_value("moved for the release")
    assert Operation.objects.count() == 0
    page.get_by_role("button", name="Set lockdown").click()
    expect(page).to_have_url(address(environment))
    environment.refresh_from_db()
    assert f"{environment.lockdown_at:%Y-%m-%d %H:%M}" == "2090-05-06 07:08"
