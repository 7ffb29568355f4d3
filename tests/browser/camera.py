"""Takes the pictures: see screenshots.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium
from tests.browser.scenes import GROUPS, NO_ROLE, VIEWER, Scene, read, scenes, three_hours_ago
from tests.support import factories

WIDTHS = {1440: 900, 390: 844}
README = {
    "list": "list",
    "overview-week": "overview",
    "timeline": "timeline",
    "audit-lockdown": "lockdown",
    "audit-archive": "archive",
    "acting-asked": "environment",
    "editor-conflict": "conflict",
    "operations": "operations",
    "execution-running": "execution",
    "batch-under-way": "batch",
}
THEMES = ("light", "dark")


@contextmanager
def portal() -> Iterator[str]:
    """The portal on a free port, with users for the scenes."""
    call_command("migrate", verbosity=0)
    settings.ROOT_URLCONF = "tests.browser.urls"
    factories.user("Viewer", username=VIEWER)
    factories.user(username=NO_ROLE)
    thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's Chromium."""
    with sync_playwright() as started:
        launched = started.chromium.launch(**chromium.launch_arguments())
        yield launched
        launched.close()


def take_all(browser: Browser, url: str, directory: Path, names: set[str]) -> None:
    """One file for each scene, width and theme."""
    directory.mkdir(parents=True, exist_ok=True)
    beside = factories.user("Admin", username="ada")
    for scene in scenes(read(three_hours_ago(130)), GROUPS.values(), beside=beside):
        if names and scene.name not in names:
            continue
        for width, height in WIDTHS.items():
            page = _open(browser, url, scene, width, height)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=directory / f"{scene.name}-{width}-{theme}.png", full_page=True)
            page.context.close()


def take_readme(browser: Browser, url: str, directory: Path) -> None:
    """The pictures of the README: scenes as one sees them without scrolling."""
    beside = factories.user("Admin", username="ada")
    for scene in scenes(read(three_hours_ago(130)), GROUPS.values(), beside=beside):
        if scene.name in README:
            page = _open(browser, url, scene, 1440, 900)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=directory / f"{README[scene.name]}.png")
            page.context.close()


def _open(browser: Browser, url: str, scene: Scene, width: int, height: int) -> Page:
    viewport = {"width": width, "height": height}
    context = browser.new_context(base_url=url, viewport=viewport, color_scheme="light", reduced_motion="reduce")
    if scene.user:
        chromium.sign_in(context, User.objects.get(username=scene.user), url)
    page = context.new_page()
    page.goto(scene.path)
    scene.then(page)
    return page
