"""Scenes of an admin who makes environments and tokens. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.models import Environment
from portal.directory.models import EnvironmentClass, Project
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
NEW = "/environments/new/"


def creating(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """Both ways, what is refused by the form and by Ona, a lost answer; a token asked for and shown."""
    project = Project.objects.present().order_by("name")[0]
    yield scene("create", NEW, ADMIN)
    yield scene("create-from-project", f"{NEW}?project={project.pk}", ADMIN)
    yield scene("create-incomplete", NEW, ADMIN, then=_incomplete)
    yield scene("create-refused", NEW, ADMIN, then=_refused)
    sandbox.faults.inject(
        "reset", times=2, rpc="EnvironmentService/CreateEnvironment"
    )  # pictures are taken at two widths
    yield scene("create-unknown", NEW, ADMIN, then=lambda page: _ask(page, "https://github.com/django/django"))
    sandbox.faults.clear()
    lost = Operation.objects.filter(action="environment.create", outcome="unknown").first()
    if lost:
        yield scene("create-unknown-again", f"{NEW}?operation={lost.pk}", ADMIN)
    running = Environment.objects.present().filter(phase="ENVIRONMENT_PHASE_RUNNING").order_by("id")[1]
    yield scene("token", reverse("environments:access-token", args=[running.pk]), ADMIN)
    yield scene("token-made", reverse("environments:access-token", args=[running.pk]), ADMIN, then=_mint)
    yield scene("token-logs", reverse("environments:logs-token", args=[running.pk]), ADMIN)


def _ask(page: Page, url: str) -> None:
    form = page.locator(".create-form")
    form.get_by_label("Address", exact=True).fill(url)
    chosen = EnvironmentClass.objects.filter(enabled=True, name="Regular").order_by("id")[0]
    form.locator("#id_environment_class").select_option(str(chosen.pk))
    form.get_by_label("Reason").fill("A new colleague starts on Monday")
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").first).to_be_visible()


def _incomplete(page: Page) -> None:
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".field-error").first).to_be_visible()


def _refused(page: Page) -> None:
    _ask(page, "https://git.private.example/platform/vault")


def _mint(page: Page) -> None:
    page.get_by_label("Reason").fill("To see why it does not start")
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator("#token-text")).to_be_visible()
