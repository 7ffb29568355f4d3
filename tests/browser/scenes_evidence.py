"""Scenes of the page that makes evidence. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.jobs.models import JobState
from tests.support.jobs import job

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
URL = "/audit/evidence/"


def evidence(scene: type[Scene]) -> Iterator[Scene]:
    """As it opens, and where what was asked makes no sense; and background jobs of every state."""
    yield scene("evidence", URL, ADMIN)
    yield scene("evidence-refused", URL, ADMIN, then=_refused)
    owner, later = User.objects.get(username=ADMIN), timezone.now() + timedelta(hours=20)
    running = job(
        owner=owner, state=JobState.RUNNING, step="Audit of lockdown", done=120_000, total=480_000, attempts=2, why="",
        lease_until=later, began_at=timezone.now(),
    )  # fmt: skip
    job(owner=owner, ago=timedelta(hours=2))
    done = job(
        owner=owner, ago=timedelta(hours=1), state=JobState.SUCCEEDED, why="", size=114_000_000, expires_at=later,
        began_at=timezone.now(), ended_at=timezone.now(), file_name="evidence-2026-11-29T070000Z.zip",
    )  # fmt: skip
    yield scene("jobs", "/jobs/", ADMIN)
    yield scene("job", f"/jobs/{running.pk}/", ADMIN)
    yield scene("job-done", f"/jobs/{done.pk}/", ADMIN)


def _refused(page: Page) -> None:
    page.get_by_label("Time (UTC)").fill("2999-01-01T00:00")
    page.get_by_label("Reason").fill("the yearly audit")
    page.get_by_role("button", name="Create pack").click()
    expect(page.locator(".field-error").first).to_be_visible()
