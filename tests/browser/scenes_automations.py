"""Scenes of the lists across the organization: executions, tasks, services. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from automations.models import ServiceSummary, TaskSummary

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
LIST = "/automations/"


def empty(scene: type[Scene]) -> Iterator[Scene]:
    """Before the first sync."""
    yield scene("executions-never-read", LIST, then=_with_lists)
    yield scene("tasks-never-read", f"{LIST}tasks/")
    yield scene("services-never-read", f"{LIST}services/")


def automations(scene: type[Scene]) -> Iterator[Scene]:
    """Each list and each page by reference, of an organization that was read."""
    task = TaskSummary.objects.order_by("-environments", "reference")[0].reference
    service = ServiceSummary.objects.order_by("-failed", "reference")[0].reference
    yield scene("executions", f"{LIST}?size=25", ADMIN, then=_counted)
    yield scene("executions-narrowed", f"{LIST}?q=created:%3C9d&phase=failed&since=7d&sort=-duration", then=_counted)
    yield scene("executions-not-understood", f"{LIST}?q=phase:sleeping+by:+ann&duration=long", then=_counted)
    yield scene("executions-nothing-matches", f"{LIST}?q=nothing-is-called-like-this", then=_counted)
    yield scene("executions-without-scripts", f"{LIST}?facets=yes&phase=succeeded")
    yield scene("tasks", f"{LIST}tasks/")
    yield scene("tasks-failing", f"{LIST}tasks/?failing=yes&sort=-failed")
    yield scene("tasks-nothing-matches", f"{LIST}tasks/?q=nothing-is-called-like-this")
    yield scene("task-by-reference", f"{LIST}tasks/{task}/", ADMIN)
    yield scene("task-by-reference-of-a-viewer", f"{LIST}tasks/{task}/?phase=never&size=x")
    yield scene("services", f"{LIST}services/")
    yield scene("service-by-reference", f"{LIST}services/{service}/?sort=phase", ADMIN)
    yield scene("service-by-reference-nothing", f"{LIST}services/{service}/?q=nothing-is-called-like-this")
    yield scene("task-that-nobody-has", f"{LIST}tasks/nobody-has-this/", status=404)


def _counted(page: Page) -> None:
    """The facets have arrived."""
    expect(page.locator("#facet-since")).to_be_attached()


def _with_lists(page: Page) -> None:
    expect(page.locator(".empty-title")).to_be_visible()
