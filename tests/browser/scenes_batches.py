"""Scenes of batches: what to run and where, on the way, at its end. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from automations.actions.catalogue import START_TASK
from automations.batches.asking import start_batch
from automations.batches.choosing import choose
from automations.batches.driving import drive_batches
from automations.models import Task
from environments.models import Environment
from portal.sandbox.server import Sandbox
from tests.browser import fleet

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
NEW = "/automations/batches/new/"


def batches(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """The commonest task in all environments: chosen, refused for want of a reason, under way, ended."""
    fleet.read_all(sandbox)
    reference = _commonest()
    yield scene("batches-none", "/automations/batches/")
    yield scene("batch-choose", NEW, ADMIN)
    yield scene("batch-new", f"{NEW}?action=task.start&reference={reference}", ADMIN)
    yield scene("batch-nowhere", f"{NEW}?action=task.start&reference={reference}&q=phase:stopped", ADMIN)
    yield scene("batch-refused", f"{NEW}?action=task.start&reference={reference}", ADMIN, then=_without_reason)
    choice = choose(START_TASK, reference, Environment.objects.present())
    batch = start_batch(
        action=START_TASK, reference=reference, candidates=choice.candidates, at_once=3, stop_after=3,
        actor=User.objects.get(username=ADMIN), reason="The caches were cleared by mistake",
    )  # fmt: skip
    drive_batches()
    sandbox.world.advance(timedelta(minutes=20))
    drive_batches()
    yield scene("batch-under-way", f"/automations/batches/{batch.pk}/", ADMIN)
    for _ in range(len(choice.candidates)):
        sandbox.world.advance(timedelta(hours=1))
        drive_batches()
    yield scene("batch-ended", f"/automations/batches/{batch.pk}/", ADMIN)
    yield scene("batches", "/automations/batches/", ADMIN)


def _commonest() -> str:
    running = Task.objects.present().filter(environment__phase="ENVIRONMENT_PHASE_RUNNING")
    references = list(running.values_list("reference", flat=True))
    return max(sorted(set(references)), key=references.count)


def _without_reason(page: Page) -> None:
    page.get_by_label("Reason").evaluate("field => field.required = false")
    page.get_by_role("button", name="in these environments").click()
    expect(page.get_by_text("Say why")).to_be_visible()
