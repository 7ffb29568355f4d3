"""An automations file from a text with mistakes to one that is applied, in a browser."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from automations.models import Task
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from tests.browser import chromium
from tests.browser.scenes_file import FILES, check, with_automations
from tests.support import factories

pytestmark = pytest.mark.browser


def test_a_file_is_pasted_corrected_previewed_and_applied(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, with_automations(sandbox)
    page.goto(reverse("automations:of-environment", args=[environment.pk]))
    page.get_by_role("link", name="Check and apply a file").click()
    box = page.get_by_role("textbox", name="Automations file")
    box.fill("tasks:\n\tbuild: {}\n")
    page.locator("#panel").get_by_role("button", name="Check").click()
    expect(page.locator(".file-problems tbody tr")).to_contain_text(["Line 2, column 1"])
    expect(box).to_have_value("tasks:\n\tbuild: {}\n")
    check(page, "leeway")
    expect(page.locator("#panel .file-line")).to_have_count(4)
    page.get_by_label("Reason").fill("As in the repository")
    page.locator("#panel").get_by_role("button", name="Apply").click()
    expect(page.locator("#panel h2")).to_have_text("Automations file applied")
    expect(page.locator("#panel")).to_contain_text("Task Build Leeway Application")
    assert Operation.objects.get().outcome == "succeeded"
    page.get_by_role("link", name="Close", exact=True).click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#environment")).to_contain_text("Build Leeway Application")


def test_what_is_there_is_downloaded_uploaded_and_the_same(administering: Page, sandbox: Sandbox) -> None:
    page, environment = administering, with_automations(sandbox)
    page.goto(reverse("automations:file", args=[environment.pk]))
    with page.expect_download() as download:
        page.get_by_role("link", name="download it as YAML").click()
    page.get_by_label("Or upload a file").set_input_files(download.value.path())
    page.locator("#panel").get_by_role("button", name="Check").click()
    expect(page.locator("#panel")).to_contain_text("changes nothing")
    expect(page.get_by_role("textbox", name="Automations file")).to_have_value(re.compile("services:"))


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_file_is_uploaded_and_applied(
    context: BrowserContext, sandbox: Sandbox, live_server: LiveServer
) -> None:
    ada: User = factories.user("Admin", username="ada")
    chromium.sign_in(context, ada, live_server.url)
    page, environment = context.new_page(), with_automations(sandbox)
    page.goto(reverse("automations:file", args=[environment.pk]))
    page.get_by_label("Or upload a file").set_input_files(FILES / "kubernetes-demo.yaml")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#panel")).to_contain_text("Kubernetes Cluster")
    page.get_by_label("Reason").fill("As in the repository")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Automations file applied")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?applied="))
    assert Task.objects.filter(environment=environment, reference="build-and-deploy").exists()
