"""Everyday jobs on many environments, in at most so many clicks after signing in; typing and choosing apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from automations.batches.worker import drive_batches
from automations.models import ENDED, Batch, ItemState, Task
from environments.models import Environment, Phase, Secret
from environments.secrets.reach import environments_using
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.automations.batches.batching import wait_until
from tests.browser import fleet
from tests.browser.test_bulk import BATCH

pytestmark = pytest.mark.browser


class Clicks:
    """Counts them."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, what: Locator) -> None:
        what.click()
        self.count += 1


@pytest.fixture
def clicks() -> Clicks:
    return Clicks()


def begun(page: Page) -> Batch:
    expect(page).to_have_url(BATCH)
    return Batch.objects.get(pk=page.url.rstrip("/").rpartition("/")[2])


def drive(sandbox: Sandbox, is_done: Callable[[], bool]) -> None:
    """Drive the batch while minutes pass at Ona, where nobody else acts meanwhile."""
    sandbox.world.agenda.items.clear()

    def once() -> bool:
        drive_batches()
        sandbox.world.advance(timedelta(minutes=2))
        return is_done()

    wait_until(once)


def navigate(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True)


def test_every_port_that_is_open_to_everyone_is_closed_in_four_clicks(
    administering: Page, sandbox: Sandbox, clicks: Clicks
) -> None:
    page = administering
    for number in range(2):
        sandbox.world.add_environment(Condition("RUNNING", name=f"open-{number}", public_port=True, never_stops=True))
    fleet.read_environments(sandbox)
    page.goto("/")
    line = page.get_by_role("listitem").filter(has_text="with a port exposed to everyone now")
    clicks.on(line.get_by_role("link", name="Limit ports of them"))
    page.get_by_label("Reason").fill("nobody outside needs them")
    clicks.on(page.get_by_role("button", name="Limit ports of these environments"))
    batch = begun(page)
    drive_batches()
    assert batch.items.exclude(state=ItemState.SUCCEEDED).count() == 0
    assert not Environment.objects.filter(open_to_everyone=True, phase=Phase.RUNNING).exists()
    assert clicks.count <= 4
    expect(page.get_by_role("link", name="Undo: values before")).to_be_visible()


def test_a_secret_is_rotated_and_what_has_the_old_value_restarted_in_five_clicks(
    administering: Page, sandbox: Sandbox, clicks: Clicks
) -> None:
    page = administering
    fleet.read_all(sandbox)
    secret, environment = _used_secret()
    page.goto("/")
    clicks.on(navigate(page, "Secrets"))
    page.get_by_role("searchbox", name="Search secrets").fill(f"name:{secret.name}")
    row = page.locator(f"#secret-{secret.pk}")
    clicks.on(row.get_by_role("link", name=f"Rotate {secret.name}"))
    page.get_by_label("Value", exact=True).fill("a newer value")
    page.get_by_label("Reason").fill("rotation of the quarter")
    clicks.on(page.get_by_role("button", name="Rotate"))
    expect(page.get_by_text("the old value").first).to_be_visible()
    expect(page.get_by_role("link", name=str(environment)).first).to_be_visible()
    clicks.on(page.get_by_role("link", name="Restart").first)
    page.get_by_label("Reason").fill("they have the old value")
    page.get_by_label("Concurrency").fill("50")
    clicks.on(page.get_by_role("button", name="Restart these environments"))
    batch = begun(page)
    drive(sandbox, lambda: set(batch.items.values_list("step", flat=True)) == {1})  # stopped, and its start requested
    parts = Operation.objects.filter(parent_id=batch.pk, environment_id=environment.pk).order_by("asked_at")
    assert list(parts.values_list("action", flat=True)) == ["environment.stop", "environment.start"]
    assert clicks.count <= 5


def test_a_task_runs_in_environments_that_are_stopped_in_five_clicks(
    administering: Page, sandbox: Sandbox, clicks: Clicks
) -> None:
    page = administering
    ids = [sandbox.world.add_environment(Condition("STOPPED", name=f"sleeper-{number}")) for number in range(2)]
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        for id_ in ids:
            client.create_task(id_, metadata={"reference": "reindex", "name": "Reindex"}, spec={"command": "make"})
    fleet.read_all(sandbox, secrets=False)
    assert Task.objects.filter(environment__in=ids, reference="reindex").count() == 2
    page.goto("/")
    clicks.on(navigate(page, "Environments"))
    page.get_by_label("Search environments").fill("name:sleeper")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    clicks.on(page.get_by_label("Select this page"))
    clicks.on(page.locator("#chosen").get_by_role("button", name="Run a task… selected"))
    clicks.on(page.get_by_role("link", name="Start 2 first for reindex"))
    expect(page.get_by_text("started first").first).to_be_visible()
    page.get_by_label("Reason").fill("the index is broken")
    clicks.on(page.get_by_role("button", name="Start task in these environments"))
    batch = begun(page)
    drive(sandbox, lambda: not batch.items.exclude(state__in=ENDED).exists())
    assert set(Environment.objects.filter(pk__in=ids).values_list("phase", flat=True)) == {Phase.STOPPED}
    assert all(item.execution_id for item in batch.items.all())
    assert clicks.count <= 5


def _used_secret() -> tuple[Secret, Environment]:
    """A secret of few, and one of those that run with it."""
    for secret in Secret.objects.present().filter(uses__gt=0).exclude(scope_id=None).order_by("uses", "pk"):
        environment = environments_using(secret.pk).filter(phase=Phase.RUNNING).first()
        if environment and Secret.objects.filter(name=secret.name).count() == 1:
            return secret, environment
    raise AssertionError("no environment that runs has a secret")
