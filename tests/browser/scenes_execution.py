"""Scenes of one execution: its plan on the way, after a failure, at its end, and what can be done. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from automations.actions.tasks import start_task
from automations.models import Task, TaskExecution
from automations.sync.observe import TASK_KIND, observe_page
from automations.sync.poller import follow_all
from environments.models import Environment
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox
from tests.support import plans

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"


def executions(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """A release of ten steps that fails in its second group, another that is stopped, and one of somebody else."""
    task = released(sandbox)
    page = address(start(task))
    yield scene("execution-pending", page, ADMIN)
    go_on(sandbox, timedelta(seconds=70))
    yield scene("execution-running", page, ADMIN)
    yield scene("execution-stop", page, ADMIN, then=lambda page: open_panel(page, "Stop"))
    yield scene("execution-stop-refused", f"{page}stop/", ADMIN, then=_without_reason)
    build = Task.objects.filter(environment=task.environment, reference="build").latest("created_at")
    sandbox.world.task_outcomes[str(build.pk)] = "fail"
    go_on(sandbox, timedelta(minutes=10))
    yield scene("execution-failed", page)
    yield scene("execution-again", f"{page}again/", ADMIN)
    ended = TaskExecution.objects.filter(phase="TASK_EXECUTION_PHASE_SUCCEEDED").order_by("id")[0]
    yield scene("execution-ended", address(ended))


def released(sandbox: Sandbox) -> Task:
    """A task of ten steps in four groups in a running environment, known to the portal."""
    environment = Environment.objects.present().filter(phase="ENVIRONMENT_PHASE_RUNNING", role__endswith="DEFAULT")
    home = environment.order_by("id")[0]
    task_id = plans.add_release(sandbox.world, str(home.pk))
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for page in client.task_pages([home.pk]):
            observe_page(TASK_KIND, page)
    return Task.objects.get(pk=task_id)


def start(task: Task) -> TaskExecution:
    """An execution of it that ada started."""
    operation = start_task(task=task, actor=User.objects.get(username=ADMIN), reason="For the release on Friday")
    return TaskExecution.objects.get(pk=operation.after["executionId"])


def go_on(sandbox: Sandbox, by: timedelta) -> None:
    """Let time pass, and the portal look now and then."""
    for _ in range(10):
        sandbox.world.advance(by / 10)
        follow_all()


def address(execution: TaskExecution) -> str:
    return reverse("automations:execution", args=[execution.pk])


def open_panel(page: Page, action: str) -> None:
    """Open the form of an action from the page's menu."""
    page.locator("#execution-menu").get_by_role("link", name=f"{action}…").click()
    expect(page.locator("#panel h2")).to_contain_text(action)
    page.evaluate("window.scrollTo(0, 0)")  # what the top bar half covers is no target for a thumb


def _without_reason(page: Page) -> None:
    page.get_by_label("Reason").evaluate("field => field.required = false")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".field-error").first).to_be_visible()
