"""An admin adds, revalues and deletes secrets; what came of it shows on the page without a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from environments.models import Environment, Secret
from environments.models.secret_scope import ScopeKind
from environments.secrets.sync import sync_secrets
from portal.directory.connection import ona
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.browser.chromium import Watch
from tests.browser.scenes import address

pytestmark = pytest.mark.browser
VALUE = "kanarienvogel 7391"


@pytest.fixture(autouse=True)
def _secrets_are_read(sandbox: Sandbox) -> None:
    sync_secrets(ona())


def of_project() -> tuple[Secret, Environment]:
    """A secret, and an environment that has it."""
    secret = Secret.objects.present().filter(scope_kind=ScopeKind.PROJECT, reach__gt=0).order_by("id")[0]
    return secret, Environment.objects.present().filter(project_id=secret.scope_id).order_by("id")[0]


def fill(page: Page, **labels: str) -> None:
    for label, text in labels.items():
        page.locator("#panel").get_by_label(label.replace("_", " "), exact=True).fill(text)


def send(page: Page, button: str) -> None:
    page.locator("#panel").get_by_role("button", name=button).click()
    expect(page.locator("#panel")).to_be_hidden()


def test_a_secret_is_added_from_an_environments_page(administering: Page, sandbox: Sandbox) -> None:
    page, (_, environment) = administering, of_project()
    page.goto(f"{address(environment)}?tab=access")
    page.get_by_role("link", name="Add secret").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("other environment")
    expect(panel.get_by_label("Path of the file")).to_be_hidden()
    panel.get_by_label("file", exact=True).check()
    fill(page, Path_of_the_file="/run/secrets/shop", Name="SHOP_KEY", Value=VALUE, Reason="the shop needs it")
    send(page, "Add secret")
    row = page.locator(".secret-table tr", has_text="SHOP_KEY")
    expect(row).to_contain_text("/run/secrets/shop")
    expect(row).to_contain_text("not yet: it comes when")
    secret = Secret.objects.get(name="SHOP_KEY")
    assert sandbox.world.secret_matches(str(secret.pk), VALUE)
    expect(page.locator("#environment .note").first).to_contain_text("added by ada")


def test_a_new_value_shows_in_the_age_of_the_old(administering: Page, sandbox: Sandbox) -> None:
    page, (secret, environment) = administering, of_project()
    page.goto(f"{address(environment)}?tab=access")
    row = page.locator(f"#secret-{secret.pk}")
    expect(row).to_contain_text(re.compile(r"rotated \d+ d"))
    row.get_by_role("link", name="Rotate").click()
    page.locator("#panel").get_by_label("Or a file that holds the value").set_input_files(
        FilePayload(name="key.pem", mimeType="text/plain", buffer=b"line\nline\n")
    )
    fill(page, Reason="it leaked")
    send(page, "Rotate")
    expect(row).to_contain_text(re.compile(r"rotated (just now|\d+ (s|min))"))
    assert sandbox.world.secret_matches(str(secret.pk), "line\nline\n")


def test_a_deleted_secret_says_so_where_it_is_still_mounted(
    administering: Page, sandbox: Sandbox, watch: Watch
) -> None:
    watch.allowed_statuses.add(422)
    page, (secret, environment) = administering, of_project()
    page.goto(f"{address(environment)}?tab=access")
    row = page.locator(f"#secret-{secret.pk}")
    row.get_by_role("link", name="Delete").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("Available to")
    fill(page, **{"Type_the_secret's_name": "another"}, Reason="not used")
    panel.get_by_role("button", name="Delete permanently").click()
    expect(panel.locator(".field-error")).to_contain_text("This is not its name")
    expect(panel.get_by_label("Reason")).to_have_value("not used")
    fill(page, **{"Type_the_secret's_name": secret.name})
    send(page, "Delete permanently")
    expect(row.get_by_role("link", name="Delete")).to_have_count(0)
    secret.refresh_from_db()
    assert secret.gone_at


def test_a_refusal_keeps_everything_but_the_value(administering: Page, sandbox: Sandbox, watch: Watch) -> None:
    watch.allowed_statuses.add(422)
    page, (secret, environment) = administering, of_project()
    page.goto(f"{address(environment)}?tab=access")
    page.get_by_role("link", name="Add secret").click()
    fill(page, Name=secret.name, Value=VALUE, Reason="it is missing")
    page.locator("#panel").get_by_role("button", name="Add secret").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("alert")).to_contain_text("Choose another name")
    expect(panel.get_by_label("Value", exact=True)).to_have_value("")
    expect(panel.get_by_label("Name", exact=True)).to_have_value(secret.name)
    assert VALUE not in page.content()
    fill(page, Name="ANOTHER_NAME", Value=VALUE)
    send(page, "Add secret")
    expect(page.locator(".secret-table tr", has_text="ANOTHER_NAME")).to_be_visible()
    assert Operation.objects.filter(outcome=Outcome.SUCCEEDED).count() == 1


def test_the_list_is_filtered_sorted_and_found_again(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    page.goto("/secrets/")
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(min(50, Secret.objects.count()))
    page.get_by_label("Mounted as").select_option("file")
    files = Secret.objects.filter(mount_kind="file")
    expect(rows).to_have_count(min(50, files.count()))
    expect(page).to_have_url(re.compile("mount=file"))
    page.get_by_role("link", name="Last rotated").click()
    expect(page.locator("#list th.secret-value")).to_have_attribute("aria-sort", "ascending")
    oldest = files.order_by("updated_at")[0]
    expect(rows.first).to_have_attribute("id", f"secret-{oldest.pk}")
    page.reload()
    expect(page.get_by_label("Mounted as")).to_have_value("file")
    page.get_by_role("searchbox", name="Search secrets").fill("nothing-is-called-like-this")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="show all secrets").click()
    expect(rows.first).to_be_visible()


def test_a_secret_is_added_from_the_list(administering: Page, sandbox: Sandbox) -> None:
    page, (secret, _) = administering, of_project()
    page.goto("/secrets/")
    page.get_by_role("link", name="Add secret").click()
    page.get_by_label("For", exact=True).select_option(f"project:{secret.scope_id}")
    fill(page, Name="LIST_KEY", Value=VALUE, Reason="for everybody in it")
    page.get_by_role("button", name="Add secret").click()
    expect(page.get_by_text("Secret LIST_KEY added.")).to_be_visible()
    expect(page.locator("#list tbody tr", has_text="LIST_KEY")).to_be_visible()


def test_an_open_list_shows_what_another_added(administering: Page, sandbox: Sandbox) -> None:
    page, (secret, _) = administering, of_project()
    page.clock.install()
    page.goto("/secrets/")
    Secret.objects.filter(pk=secret.pk).update(name="RENAMED_KEY", changed_at=secret.changed_at.replace(year=2100))
    page.clock.fast_forward(16_000)
    expect(page.locator("#list tbody tr", has_text="RENAMED_KEY")).to_be_visible()
