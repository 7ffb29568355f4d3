"""An admin makes environments and tokens, in a real browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from environments.actions.reconcile import settle_operations
from environments.models import Environment
from portal.directory.models import EnvironmentClass, Project
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from portal.sandbox.tokens import is_valid
from tests.browser import chromium, fleet
from tests.browser.scenes import address

pytestmark = pytest.mark.browser
CREATE = "EnvironmentService/CreateEnvironment"


def new(page: Page) -> Locator:
    """The form, opened from the list."""
    page.goto("/environments/")
    page.get_by_role("link", name="New environment…").click()
    return page.locator(".create-form")


def choose_class(form: Locator) -> EnvironmentClass:
    chosen = EnvironmentClass.objects.filter(enabled=True, name="Regular").order_by("id")[0]
    form.get_by_label("Class").locator("visible=true").select_option(str(chosen.pk))
    return chosen


def comes_up(page: Page, sandbox: Sandbox) -> Environment:
    """The new environment, on whose page the browser is, seen until it runs."""
    expect(page).to_have_url(re.compile(r"/environments/[0-9a-f-]{36}/$"))
    expect(page.locator(".env-phase")).to_contain_text("creating")
    expect(page.locator("#environment .note").first).to_contain_text("requested by ada")
    sandbox.world.advance(timedelta(minutes=10))
    fleet.read_environments(sandbox)
    expect(page.locator(".env-phase")).to_contain_text("running")
    expect(page.locator("#environment .note").first).to_contain_text("Created by ada")
    return Environment.objects.get(pk=page.url.rstrip("/").rpartition("/")[2])


def test_one_made_from_an_address_is_seen_coming_up(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    form = new(page)
    expect(form.get_by_label("Project", exact=True)).to_be_hidden()
    form.get_by_label("Address", exact=True).fill("https://github.com/django/django")
    chosen = choose_class(form)
    form.get_by_label("Name").fill("for the new colleague")
    form.get_by_label("Reason").fill("She starts on Monday")
    form.get_by_role("button", name="Create").click()
    environment = comes_up(page, sandbox)
    expect(page.get_by_role("heading", level=1)).to_have_text("for the new colleague")
    assert environment.class_id == chosen.pk


def test_one_made_from_a_project_is_seen_coming_up(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    project = Project.objects.order_by("name")[0]
    form = new(page)
    form.get_by_label("a project").check()
    expect(form.get_by_label("Address", exact=True)).to_be_hidden()
    form.get_by_label("Project", exact=True).fill(project.name)
    second = project.document["environmentClasses"][1]["environmentClassId"]
    option = form.locator(f'#id_project_class option[value="{second}"]')
    expect(option).to_be_attached()  # the classes follow the project
    form.get_by_label("Class").locator("visible=true").select_option(second)
    form.get_by_role("button", name="Create").click()
    environment = comes_up(page, sandbox)
    assert (environment.project_id, str(environment.class_id)) == (project.pk, second)


def test_a_host_nobody_signed_in_to_is_named_and_what_was_typed_is_kept(
    administering: Page, sandbox: Sandbox, watch: chromium.Watch
) -> None:
    watch.allowed_statuses.add(422)
    page = administering
    form = new(page)
    form.get_by_label("Address", exact=True).fill("https://git.private.example/platform/vault")
    choose_class(form)
    form.get_by_label("Reason").fill("To look at the incident")
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").first).to_contain_text("Not signed in to: git.private.example.")
    expect(form.get_by_label("Address", exact=True)).to_have_value("https://git.private.example/platform/vault")
    expect(form.get_by_label("Reason")).to_have_value("To look at the incident")
    form.get_by_label("Address", exact=True).fill("https://github.com/django/django")
    form.get_by_role("button", name="Create").click()
    expect(page.locator(".env-phase")).to_contain_text("creating")


def test_a_double_click_makes_one(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    form = new(page)
    form.get_by_label("Address", exact=True).fill("https://github.com/django/django")
    choose_class(form)
    with sandbox.hold(CREATE) as hold:
        form.get_by_role("button", name="Create").dblclick(no_wait_after=True)
        assert hold.arrived.wait(20)
        hold.release()
        expect(page.locator(".env-phase")).to_contain_text("creating")
    assert sandbox.requests[CREATE] == 1
    assert Operation.objects.count() == 1


def test_a_lost_answer_is_told_and_the_page_opens_once_it_is_known(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    form = new(page)
    form.get_by_label("Address", exact=True).fill("https://github.com/django/django")
    choose_class(form)
    sandbox.faults.inject("reset_after", rpc=CREATE)
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").first).to_contain_text("It is unknown whether it was created.")
    expect(page.get_by_role("link", name="The operation in the ledger")).to_be_visible()
    settle_operations()
    expect(page.locator(".env-phase")).to_contain_text("creating")


def running_one(sandbox: Sandbox) -> Environment:
    identifier = sandbox.world.add_environment()
    fleet.read_environments(sandbox)
    return Environment.objects.get(pk=identifier)


@pytest.mark.parametrize("kind", ["Logs token", "Access token"])
def test_a_token_is_shown_once_and_copied(kind: str, administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, running_one(sandbox)
    page.goto(address(environment))
    before = page.evaluate("history.length")
    page.locator("#environment-menu summary").click()
    page.locator("#environment-menu").get_by_role("link", name=f"{kind}…").click()
    panel = page.locator("#panel")
    panel.get_by_label("Reason").fill("To see why it fails")
    panel.get_by_role("button", name="Make the token").click()
    field = panel.get_by_label(kind, exact=True)
    expect(field).to_have_attribute("readonly", "")
    panel.get_by_role("button", name="Copy").click()
    expect(page.locator("#live")).to_have_text("Copied")
    token = page.evaluate("navigator.clipboard.readText()")
    assert is_valid(sandbox.world, token, str(environment.pk))
    expect(panel).to_contain_text("one hour from when it was created")
    assert page.url.endswith(address(environment))
    assert page.evaluate("history.length") == before
    assert token not in page.evaluate("JSON.stringify([history.state, {...localStorage}, {...sessionStorage}])")
    page.reload()
    assert token not in page.content()
    page.goto("/environments/")
    page.go_back()
    assert token not in page.content()
    assert Operation.objects.get().outcome == Outcome.SUCCEEDED


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_reload_shows_no_token_and_makes_none(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, running_one(sandbox)
    page.goto(f"{address(environment)}access-token/")
    page.get_by_label("Reason").fill("To see why it fails")
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("Access token", exact=True).input_value()
    assert is_valid(sandbox.world, token, str(environment.pk))
    page.reload()
    expect(page.locator("#panel")).to_contain_text("shown once, when it was created")
    assert token not in page.content()
    assert sandbox.requests["EnvironmentService/CreateEnvironmentAccessToken"] == 1


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_one_is_made_from_a_project(administering: Page, sandbox: Sandbox) -> None:
    page, project = administering, Project.objects.order_by("name")[0]
    form = new(page)
    form.get_by_label("a project").check()
    form.get_by_label("Project", exact=True).fill(project.name)
    form.get_by_role("button", name="Create").click()
    expect(page.locator(".env-phase")).to_contain_text("creating")
    assert Operation.objects.get().after["projectId"] == str(project.pk)
