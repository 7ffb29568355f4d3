"""An admin edits an environment's specification: each result on the page without a reload, and conflicts resolved."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from portal.ledger.models import Operation
from portal.sandbox import runner
from portal.sandbox.server import Sandbox
from tests.browser import chromium
from tests.browser.scenes import address
from tests.browser.scenes_editing import PORTS, edited, open_form, save
from tests.support import factories
from tests.support.editor import ECDSA, ECDSA_FINGERPRINT, spec_of

pytestmark = pytest.mark.browser


def saved(page: Page, button: str = "Save") -> None:
    save(page, button)
    expect(page.locator("#panel")).to_be_hidden()


def test_ports_are_added_changed_and_removed_and_the_page_shows_it(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox)
    page.goto(address(environment))
    open_form(page, "Edit Ports")
    page.get_by_label("Name, row 1").fill("Größe <b>")
    page.get_by_label("Remove row 2").check()
    page.get_by_label("Port, row 3").fill("9000")
    page.get_by_label("Name, row 3").fill("typed before more rows")
    page.get_by_role("button", name="Add port").click()
    expect(page.get_by_label("Port, row 6")).to_be_visible()
    page.get_by_label("Port, row 4").fill("1023")
    page.get_by_label("Name, row 4").fill("too low")
    save(page)
    expect(page.locator("#panel .field-error")).to_have_text("A number from 1024 to 65535.")
    page.get_by_label("Port, row 4").fill("1024")
    page.get_by_label("Port, row 4").press("Enter")
    expect(page.locator("#panel")).to_be_hidden()
    rows = page.locator("section.card:has(#ports) tbody tr")
    expect(rows).to_have_count(3)
    expect(rows).to_contain_text(["too low", "Größe <b>", "typed before more rows"])
    expect(page.locator("#environment .note").first).to_contain_text("Ports")
    sandbox.world.advance(timedelta(seconds=5))
    expect(page.locator("#environment .note").first).to_contain_text(
        re.compile("Applied: the environment is as requested|Ports changed")
    )


def test_a_timeout_typed_in_words_is_followed_to_the_runner(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox, timeout={"disconnected": "3600s"})
    page.goto(address(environment))
    open_form(page, "Edit timeout Inactivity timeout")
    page.get_by_label("another time").check()
    page.get_by_label("Time without use").fill("29m")
    save(page)
    expect(page.locator("#panel .field-error")).to_contain_text("30 minutes or more")
    page.get_by_label("Time without use").fill("2h 30")
    saved(page)
    expect(page.locator("#environment")).to_contain_text("Stops after 2 h 30 min without use")
    expect(page.locator("#environment .note").first).to_contain_text("acknowledge")
    sandbox.world.advance(timedelta(seconds=5))
    expect(page.locator("#environment .note").first).not_to_contain_text("Waiting for the runner")


def test_a_refusal_of_the_runner_is_shown_with_its_message(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox)
    sandbox.world.tempers[str(environment.pk)] = runner.REFUSES
    page.goto(f"{address(environment)}?tab=content")
    open_form(page, "Edit Git identity Git name and e-mail")
    page.get_by_label("Git user").fill("Bo Óskarsson")
    saved(page)
    expect(page.locator("section[aria-labelledby=content]")).to_contain_text("Bo Óskarsson")
    sandbox.world.advance(timedelta(seconds=5))
    expect(page.locator("#environment")).to_contain_text("The runner refused version")


def test_a_conflict_is_shown_side_by_side_and_mine_is_used(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox)
    page.goto(address(environment))
    open_form(page, "Edit Ports")
    page.get_by_label("Name, row 1").fill("Mine")
    theirs = [{**PORTS[0], "name": "Theirs"}, PORTS[1]]
    sandbox.world.change(str(environment.pk), spec={"ports": theirs})
    save(page)
    line = page.locator(".edit-conflict tbody tr", has_text="Port 3000")
    expect(line.locator("td")).to_contain_text(["Frontend", "Theirs", "Mine"])
    expect(page.get_by_label("Name, row 1")).to_have_value("Mine")
    assert spec_of(sandbox, environment)["ports"] == theirs
    page.locator(".edit-choice").get_by_role("button", name="Use mine").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("section.card:has(#ports) tbody tr").first).to_contain_text("Mine")
    assert spec_of(sandbox, environment)["ports"][0]["name"] == "Mine"


def test_a_conflict_ends_by_taking_theirs(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox, timeout={"disconnected": "3600s"})
    page.goto(address(environment))
    open_form(page, "Edit timeout Inactivity timeout")
    page.get_by_label(re.compile(r"^\s*2 h without use")).check()
    sandbox.world.change(str(environment.pk), spec={"timeout": {"disconnected": "14400s"}})
    save(page)
    page.get_by_role("link", name="Take theirs").click()
    expect(page.locator("#environment")).to_contain_text("Stops after 4 h without use")
    expect(page.locator("#panel")).to_be_hidden()
    assert spec_of(sandbox, environment)["timeout"] == {"disconnected": "14400s"}


def test_keys_kernel_controls_and_files_are_edited(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox)
    page.goto(f"{address(environment)}?tab=access")
    open_form(page, "Edit SSH keys")
    page.get_by_label("not a valid key").check()
    page.get_by_label("Add keys", exact=True).fill(f"{ECDSA} bo@desktop")
    page.get_by_label("Reason").fill("her new laptop")
    saved(page)
    expect(page.locator("section[aria-labelledby=ssh-keys] tbody tr")).to_contain_text(["ann@laptop", "bo@desktop"])
    open_form(page, "Edit SSH keys")
    expect(page.locator("#panel")).to_contain_text(ECDSA_FINGERPRINT)
    open_form(page, "Edit Kernel controls: programs")
    page.get_by_label("Denied programs").fill("/usr/bin/nmap\nstrace")
    page.get_by_label("Reason").fill("tools of attackers")
    saved(page)
    expect(page.locator("section[aria-labelledby=exec]")).to_contain_text("strace")
    page.goto(f"{address(environment)}?tab=content")
    open_form(page, "Edit Automations file")
    page.get_by_role("textbox", name="Automations file").fill("dev/automations.yaml")
    saved(page)
    expect(page.locator("section[aria-labelledby=automations-file]")).to_contain_text("dev/automations.yaml")
    open_form(page, "Edit Git identity Git name and e-mail")
    page.locator("#panel").get_by_label("Git user", exact=True).fill("Bo the Builder")
    saved(page)
    expect(page.locator("#environment")).to_contain_text("Bo the Builder")


def test_a_rebuild_and_content_made_anew_are_explicit(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, edited(sandbox)
    before = spec_of(sandbox, environment)
    page.goto(f"{address(environment)}?tab=content")
    open_form(page, "Edit Devcontainer file")
    page.get_by_label("Rebuild the container now").check()
    save(page)
    expect(page.locator("#panel .field-error")).to_contain_text("Enter a reason")
    page.get_by_label("Reason").fill("a newer image")
    saved(page)
    sandbox.world.advance(timedelta(minutes=10))
    open_form(page, "Re-create… Re-create the content of")
    page.get_by_label("Type the environment's name").fill(environment.name)
    page.get_by_label("Reason").fill("a broken checkout")
    saved(page, "Delete and fetch again")
    now = spec_of(sandbox, environment)
    assert all(now[part]["session"] != before[part]["session"] for part in ("devcontainer", "content"))
    assert Operation.objects.count() == 2


def test_a_viewer_sees_that_it_could_be_edited_and_why_not(signed_in: Page, sandbox: Sandbox) -> None:
    page, environment = signed_in, edited(sandbox)
    page.goto(address(environment))
    expect(page.locator("#environment a.edit-link")).to_have_count(0)
    expect(page.locator("#environment .edit-link").first).to_have_attribute("title", re.compile("^Your roles do not"))


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_ports_are_edited_and_a_conflict_is_resolved(
    context: BrowserContext, sandbox: Sandbox, live_server: LiveServer
) -> None:
    ada: User = factories.user("Admin", username="ada")
    chromium.sign_in(context, ada, live_server.url)
    page, environment = context.new_page(), edited(sandbox)
    page.goto(address(environment))
    open_form(page, "Edit Ports")
    expect(page).to_have_url(re.compile(r"/edit/ports/$"))
    page.get_by_label("Port, row 3").fill("9000")
    page.get_by_label("Name, row 3").fill("Metrics")
    page.get_by_role("button", name="Add port").click()
    page.get_by_label("Port, row 4").fill("9001")
    page.get_by_label("Name, row 4").fill("Traces")
    page.get_by_label("Remove row 2").check()
    sandbox.world.change(str(environment.pk), spec={"ports": [{**PORTS[0], "name": "Theirs"}, PORTS[1]]})
    save(page)
    expect(page.locator(".edit-conflict")).to_contain_text("Theirs")
    page.locator(".edit-choice").get_by_role("button", name="Use mine").click()
    expect(page.locator("section.card:has(#ports) tbody tr")).to_contain_text(["Frontend", "Metrics", "Traces"])
    assert [port["port"] for port in spec_of(sandbox, environment)["ports"]] == [3000, 9000, 9001]
