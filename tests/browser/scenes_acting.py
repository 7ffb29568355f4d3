"""Scenes of an admin acting on environments. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.actions import lifecycle
from environments.models import Environment
from portal.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"


def acting(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """The menu, the forms, a refusal, and what the page says afterwards."""
    running = Environment.objects.present().filter(phase="ENVIRONMENT_PHASE_RUNNING", unpushed_work=True)[0]
    page = reverse("environments:detail", args=[running.pk])
    yield scene("acting-menu", page, ADMIN, then=lambda page: page.locator("#environment-menu summary").click())
    yield scene("acting-stop", page, ADMIN, then=lambda page: _open(page, "Stop"))
    yield scene("acting-lockdown-refused", page, ADMIN, then=_lockdown)
    yield scene("acting-delete-refused", f"{page}delete/", ADMIN, then=_delete)
    yield scene("acting-rename", f"{page}rename/", ADMIN)
    yield scene("acting-lockdown", f"{page}lockdown/", ADMIN)
    yield scene("acting-not-possible", f"{page}start/", ADMIN)
    _stop(sandbox, running)
    yield scene("acting-asked", page, ADMIN)


def _open(page: Page, action: str) -> None:
    menu = page.locator("#environment-menu")
    if action not in ("Start", "Stop"):
        menu.locator("summary").click()
    menu.get_by_role("link", name=f"{action}…", exact=True).click()
    expect(page.locator("#panel h2")).to_contain_text(action)
    page.evaluate("window.scrollTo(0, 0)")  # what the top bar half covers is no target for a thumb


def _lockdown(page: Page) -> None:
    _open(page, "Lockdown")
    page.locator("#panel").get_by_label("at an exact time").check()
    page.locator("#panel").get_by_label("Time in UTC").fill("2020-01-01T10:00")
    page.locator("#panel").get_by_label("Reason").fill("Agreed with its owner")
    page.locator("#panel").get_by_role("button", name="Set lockdown").click()
    expect(page.locator("#panel .field-error").first).to_be_visible()


def _delete(page: Page) -> None:
    page.get_by_label("Type the environment's name").fill("another name")
    page.get_by_label("Reason").fill("No longer needed since the project ended")
    page.get_by_role("button", name="Delete permanently").click()
    expect(page.locator(".field-error").first).to_be_visible()


def _stop(sandbox: Sandbox, environment: Environment) -> None:
    from django.contrib.auth.models import User

    actor = User.objects.get(username=ADMIN)
    lifecycle.stop_environment(environment=environment, actor=actor, reason="Idle since Friday")
