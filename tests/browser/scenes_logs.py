"""Scenes of logs. See `tests.browser.scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse
from playwright.sync_api import Page, expect

from automations.models import ExecutionPhase, Service, ServicePhase, TaskExecution
from environments.models import Environment
from portal.sandbox.logs import LogScript
from portal.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
COLOURS = "".join(
    f"\x1b[{fore}m text {fore}\x1b[0m \x1b[{fore + 10}m ground {fore + 10}\x1b[0m "
    f"\x1b[1;{fore}mbold\x1b[22m \x1b[2mdim\x1b[0m \x1b[7mreversed\x1b[0m\n"
    for fore in (*range(30, 38), *range(90, 98))
)
WORDS = (
    f"\x1b[1m▶ Build\x1b[0m\n{COLOURS}<script>alert(1)</script> <b>not bold</b>\x00\n"
    f"\x1b[38;5;208morange\x1b[0m \x1b[38;2;10;200;90mgreen of millions\x1b[0m \x1b[4munderlined\x1b[0m\n"
    f"10 %\r50 %\r100 % done\nאבג \N{RIGHT-TO-LEFT OVERRIDE}desrever\ntabs\tand ✨ 東京 {'a long line ' * 60}\n"
)


def logs(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """One that has ended, searched, one that is gone, and one that may not be read."""
    sandbox.logs.warming = 0
    service = Service.objects.present().filter(phase=ServicePhase.RUNNING).order_by("id")[0]
    there = TaskExecution.objects.present().filter(environment_id__in=Environment.objects.present().values("id"))
    execution = there.filter(phase=ExecutionPhase.SUCCEEDED).order_by("id")[0]
    sandbox.logs.scripts[str(service.pk)] = LogScript(WORDS.encode() * 3)
    page = reverse("automations:service-log", args=[service.pk])
    yield scene("log", page, ADMIN, then=_found)
    yield scene("log-of-an-execution", reverse("automations:execution-log", args=[execution.pk]), ADMIN, then=_ended)
    failing = Environment.objects.with_failure().running().order_by("id")[0]
    yield scene("failing", reverse("environments:detail", args=[failing.pk]), ADMIN)
    yield scene("log-of-an-environment", reverse("automations:environment-log", args=[failing.pk]), ADMIN, then=_ended)
    yield scene("log-refused", page, status=403)
    sandbox.logs.scripts[str(service.pk)] = LogScript(status=404)
    yield scene("log-gone", page, ADMIN, then=_gone)


def _ended(page: Page) -> None:
    expect(page.locator(".log-state")).to_contain_text("The log ends here.")


def _found(page: Page) -> None:
    _ended(page)
    page.get_by_role("searchbox", name="Find in the log").fill("bold")
    expect(page.locator(".log-hits")).to_contain_text("1 of")


def _gone(page: Page) -> None:
    expect(page.locator(".log-state")).to_contain_text("This log is deleted")
