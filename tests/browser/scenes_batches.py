"""Scenes of batches: what to run and where, on the way, at its end. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from automations.actions.tasks import START_TASK
from automations.batches.plan import choose
from automations.batches.registry import KINDS
from automations.batches.start import cancel_batch, start_batch
from automations.batches.worker import drive_batches
from automations.models import Task
from environments.actions.lifecycle import DELETE
from environments.actions.metadata import SET_LOCKDOWN
from environments.models import Environment
from portal.sandbox.server import Sandbox
from tests.browser import fleet

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
NEW = "/operations/batches/new/"


def batches(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """The commonest task in all environments: chosen, refused for want of a reason, under way, ended."""
    fleet.read_all(sandbox)
    reference = _commonest()
    yield scene("batches-none", "/operations/batches/")
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
    yield scene("batch-under-way", f"/operations/batches/{batch.pk}/", ADMIN)
    for _ in range(len(choice.candidates)):
        sandbox.world.advance(timedelta(hours=1))
        drive_batches()
    yield scene("batch-ended", f"/operations/batches/{batch.pk}/", ADMIN)
    yield from _on_environments(sandbox, scene)
    yield from _guarded(scene, reference)
    yield scene("batches", "/operations/batches/", ADMIN)


def _on_environments(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """Stopped and moved in many: the plans, with what is at risk; a moment that has passed; under way; ended."""
    stop = KINDS["environment.stop"]
    yield scene("batch-stop", f"{NEW}?action=environment.stop&q=phase:running", ADMIN)
    yield scene("batch-archive-all", f"{NEW}?action=environment.archive", ADMIN)
    yield scene("batch-lockdown-passed", f"{NEW}?action=environment.set_lockdown&q=phase:stopped", ADMIN, then=_passed)
    yield scene("batch-not-allowed", f"{NEW}?action=environment.stop", status=403)
    candidates = stop.choose("", Environment.objects.running()).candidates[:6]
    batch = start_batch(
        action=stop.action, reference="", candidates=candidates, at_once=3, stop_after=3,
        actor=User.objects.get(username=ADMIN), reason="Locked down and still running",
    )  # fmt: skip
    drive_batches()
    yield scene("batch-stop-under-way", f"/operations/batches/{batch.pk}/", ADMIN)
    for _ in candidates:
        sandbox.world.advance(timedelta(minutes=3))
        drive_batches()
    yield scene("batch-stop-ended", f"/operations/batches/{batch.pk}/", ADMIN)
    start_batch(
        action=SET_LOCKDOWN, reference="", candidates=candidates, at_once=3, stop_after=None, reason="Extended",
        lockdown_at=timezone.now() + timedelta(days=14), actor=User.objects.get(username=ADMIN),
    )  # fmt: skip
    drive_batches()


def _guarded(scene: type[Scene], reference: str) -> Iterator[Scene]:
    """Tasks to choose from, around which stopped ones are started; a deletion that waits, a pause, values before."""
    yield scene("batch-tasks", f"{NEW}?action=task.start&q=phase:running,stopped", ADMIN)
    yield scene("batch-start-first", f"{NEW}?action=task.start&reference={reference}&start_first=yes", ADMIN)
    yield scene("batch-delete", f"{NEW}?action=environment.delete&q=phase:stopped", ADMIN)
    for name, action, options in (
        ("batch-waiting", DELETE, {}), ("batch-paused", SET_LOCKDOWN, {"look_after": 2}),
    ):  # fmt: skip
        candidates = KINDS[action.name].choose("", Environment.objects.present()).candidates[:4]
        batch = start_batch(
            action=action, reference="", candidates=candidates, at_once=3, stop_after=None, reason="Left behind",
            lockdown_at=timezone.now() + timedelta(days=14), actor=User.objects.get(username=ADMIN), **options,
        )  # fmt: skip
        drive_batches()
        yield scene(name, f"/operations/batches/{batch.pk}/", ADMIN)
    cancel_batch(batch=batch, actor=User.objects.get(username=ADMIN))
    drive_batches()
    yield scene("batch-undo", f"{NEW}?action={SET_LOCKDOWN.name}&undo={batch.pk}", ADMIN)


def _commonest() -> str:
    running = Task.objects.present().filter(environment__phase="ENVIRONMENT_PHASE_RUNNING")
    references = list(running.values_list("reference", flat=True))
    return max(sorted(set(references)), key=references.count)


def _passed(page: Page) -> None:
    page.get_by_label("Lock down at").fill("2020-01-01T10:00")
    page.get_by_label("Reason").fill("extended")
    page.get_by_role("button", name="these environments").click()
    expect(page.get_by_text("This time has passed")).to_be_visible()


def _without_reason(page: Page) -> None:
    page.get_by_label("Reason").evaluate("field => field.required = false")
    page.get_by_role("button", name="in these environments").click()
    expect(page.get_by_text("Enter a reason")).to_be_visible()
