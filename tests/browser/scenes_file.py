"""Scenes of the automations file. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.models import Environment
from portal.sandbox.server import Sandbox
from tests.browser import fleet

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
FILES = Path(__file__).parent.parent / "automations" / "file_format" / "files"
BAD = """tasks:
  build:
    name: yes
    command: make
    depends_on: [test]
  test:
    name: <b>Test</b>
    dependsOn: [test]
"""


def files(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """Empty, with problems, with a preview, applied, and as somebody sees it who may not apply."""
    environment = with_automations(sandbox)
    page = reverse("automations:file", args=[environment.pk])
    yield scene("file", page, ADMIN)
    yield scene("file-of-a-viewer", page, then=lambda page: check(page, "leeway"))
    yield scene("file-present", f"{page}?present=1", ADMIN)
    yield scene("file-problems", page, ADMIN, then=_problems)
    yield scene("file-preview", page, ADMIN, then=_preview)
    yield scene("file-applied", reverse("automations:of-environment", args=[environment.pk]), ADMIN, then=_applied)


def with_automations(sandbox: Sandbox) -> Environment:
    """A running environment with services and tasks, in the portal's tables."""
    found = Environment.objects.running().filter(service__gone_at=None, service__phase="SERVICE_PHASE_RUNNING")
    if not found.exists():
        fleet.read_all(sandbox, secrets=False)
    return found.order_by("id")[0]


def check(page: Page, name: str, *, more: str = "") -> None:
    """Paste a real file and press Check."""
    page.get_by_role("textbox", name="Automations file").fill((FILES / f"{name}.yaml").read_text() + more)
    page.locator("#panel").get_by_role("button", name="Check").click()
    expect(page.locator("#panel")).to_contain_text("What applying it changes")


def _problems(page: Page) -> None:
    page.get_by_role("textbox", name="Automations file").fill(BAD)
    page.locator("#panel").get_by_role("button", name="Check").click()
    expect(page.locator(".file-problems tbody tr").first).to_be_visible()


def _preview(page: Page) -> None:
    """What is there, with one command changed and a task more."""
    page.get_by_role("link", name="Load them").click()
    box = page.get_by_role("textbox", name="Automations file")
    expect(box).not_to_have_value("")
    text = box.input_value().replace("      start: |\n        ", "      start: |\n        set -e\n        ", 1)
    box.fill(f"{text}  one_more:\n    name: One more\n    command: make more\n")
    page.locator("#panel").get_by_role("button", name="Check").click()
    expect(page.locator("#panel")).to_contain_text("One more")
    page.evaluate("window.scrollTo(0, 0)")


def _applied(page: Page) -> None:
    page.get_by_role("link", name="Check and apply a file").click()
    check(page, "spring-petclinic", more=f"\n    n{page.evaluate('Date.now()')}: {{name: New, command: make}}\n")
    page.get_by_label("Reason").fill("As in the repository")
    page.locator("#panel").get_by_role("button", name="Apply").click()
    expect(page.locator("#panel h2")).to_have_text("Automations file applied")
    page.evaluate("window.scrollTo(0, 0)")
