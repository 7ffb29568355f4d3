"""Scenes of the Automations tab and of the forms of services and tasks. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from automations.models import Service, Task
from automations.sync.observe import observe_page
from automations.sync.resource_types import EXECUTION_KIND, SERVICE_KIND, TASK_KIND
from environments.models import Environment
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox
from tests.automations.environment_tab import tab

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
STEPS = ("deps", "generate", "build", "lint", "unit-tests", "e2e", "image", "migrate", "seed", "deploy-preview")


def automations_tab(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """The tab empty, small and with much on it; each form as it opens, with errors, and after a conflict."""
    empty, small, large = (tab.environment(sandbox) for _ in range(3))
    web, build, test = furnish(sandbox, small)
    many(sandbox, large)
    yield scene("automations-tab-empty", page_of(empty), ADMIN)
    yield scene("automations-tab", page_of(small), ADMIN, then=_unfold)
    yield scene("automations-tab-many", page_of(large), ADMIN)
    yield scene("automations-tab-of-a-viewer", page_of(small))
    yield scene("service-new", tab.new("service", small), ADMIN)
    yield scene("service-new-refused", tab.new("service", small), ADMIN, then=_refused)
    yield scene("service-edit", tab.url("edit", web), ADMIN)
    yield scene("service-edit-here", page_of(small), ADMIN, then=_open)
    yield scene("service-conflict", tab.url("edit", web), ADMIN, then=_conflict(sandbox, web))
    yield scene("task-new", tab.new("task", small), ADMIN)
    yield scene("task-edit", tab.url("edit", test), ADMIN)
    yield scene("task-circle", tab.url("edit", build), ADMIN, then=_circle)
    yield scene("task-start", tab.url("start", build), ADMIN)
    yield scene("task-delete", tab.url("delete", build), ADMIN)
    yield scene("service-start", tab.url("start", web), ADMIN)
    yield scene("service-delete", tab.url("delete", web), ADMIN)
    sandbox.world.change_automation("SERVICE", str(web.pk), {"status": {"phase": "SERVICE_PHASE_RUNNING"}})
    read(sandbox, small)
    yield scene("service-edit-running", tab.url("edit", web), ADMIN)
    yield scene("service-stop", tab.url("stop", web), ADMIN)


def page_of(environment: Environment) -> str:
    """The tab."""
    return reverse("automations:of-environment", args=[environment.pk])


def furnish(sandbox: Sandbox, environment: Environment) -> tuple[Service, Task, Task]:
    """Two services and three tasks, one of which has run."""
    web = tab.service(sandbox, environment, metadata={"name": "Web server", "description": "The shop, on port 80"})
    tab.service(sandbox, environment, "db", runsOn={"machine": {}}, env=[])
    build = tab.task(sandbox, environment)
    test = tab.task(sandbox, environment, "test", (build,))
    tab.task(sandbox, environment, "docs", env=[])
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for _ in range(3):
            client.start_task(test.pk)
            sandbox.world.advance(timedelta(minutes=1))
    read(sandbox, environment)
    return web, build, test


def many(sandbox: Sandbox, environment: Environment) -> None:
    """Six services and forty tasks that wait for each other."""
    made: list[str] = []
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000) as client:
        for number in range(6):
            client.create_service(
                environment.pk, metadata={"reference": f"service-{number}", "name": f"Service {number}"},
                spec=tab.SERVICE_SPEC,
            )  # fmt: skip
        for number in range(40):
            name = f"{STEPS[number % len(STEPS)]}-{number // len(STEPS)}"
            needs = [made[place] for place in {number // 2 - 1, number - 7} if 0 <= place < len(made)]
            document = client.create_task(
                environment.pk, metadata={"reference": name, "name": name}, spec=tab.TASK_SPEC, depends_on=needs
            )
            made.append(str(document.id))
    read(sandbox, environment)


def read(sandbox: Sandbox, environment: Environment) -> None:
    """Everything of the environment's automations, as the sync reads it."""
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000) as client:
        for kind in (SERVICE_KIND, TASK_KIND, EXECUTION_KIND):
            for page in kind.pages(client)([environment.pk]):
                observe_page(kind, page)


def open_form(page: Page, link: str) -> None:
    """The form that the link leads to, in the panel."""
    page.locator("#environment").get_by_role("link", name=link, exact=True).click()
    expect(page.locator("#panel form")).to_be_visible()


def save(page: Page, button: str = "Save") -> None:
    page.locator("#panel").get_by_role("button", name=button, exact=True).click()


def _unfold(page: Page) -> None:
    for summary in page.locator(".auto-details summary").all()[:3]:
        summary.click()
    page.evaluate("window.scrollTo(0, 0)")


def _open(page: Page) -> None:
    open_form(page, "Edit Web server")
    page.evaluate("window.scrollTo(0, 0)")


def _refused(page: Page) -> None:
    page.get_by_label("Reference").fill("no blanks please")
    page.get_by_label("Readiness timeout").fill("25h")
    page.get_by_label("a container of its own, from an image").check()
    page.get_by_label("Variable, row 1").fill("TOKEN")
    page.get_by_label("Value, row 1").fill("typed in vain")
    save(page, "Create")
    expect(page.locator(".field-error").first).to_be_visible()


def _circle(page: Page) -> None:
    page.get_by_label("Test (test)").check()
    save(page)
    expect(page.locator("#panel")).to_contain_text("build → test → build")


def _conflict(sandbox: Sandbox, service: Service) -> Callable[[Page], None]:
    names = (f"Renamed by its owner, take {number}" for number in count(1))

    def then(page: Page) -> None:
        page.get_by_label("Name", exact=True).fill("Shop")
        page.get_by_label("Reason").fill("as people call it")
        changes = {"metadata": {"name": next(names)}, "spec": {"env": [{"name": "MODE", "value": "theirs"}]}}
        sandbox.world.change_automation("SERVICE", str(service.pk), changes)
        save(page)
        expect(page.locator(".edit-conflict")).to_be_visible()

    return then
