"""Scenes of the page that makes evidence. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
URL = "/audit/evidence/"


def evidence(scene: type[Scene]) -> Iterator[Scene]:
    """As it opens, and where what was asked makes no sense."""
    yield scene("evidence", URL, ADMIN)
    yield scene("evidence-refused", URL, ADMIN, then=_refused)


def _refused(page: Page) -> None:
    page.get_by_label("Time (UTC)").fill("2999-01-01T00:00")
    page.get_by_label("Reason").fill("the yearly audit")
    page.get_by_role("button", name="Create pack").click()
    expect(page.locator(".field-error").first).to_be_visible()
