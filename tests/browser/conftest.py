"""Real pages in a real browser: the portal on a live server, filled from the sandbox, seen by headless Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.browser import chromium, fleet
from tests.browser.serving import Server
from tests.browser.stored import Stored, read_once
from tests.support import factories

PATIENCE = 30_000  # milliseconds: two cores may be busy with everything else
expect.set_options(timeout=PATIENCE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last in each worker, see `playwright`; those that take minutes first among them."""
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, "test_every_page" not in item.nodeid))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright keeps an event loop in the main thread to the end of the run; Django is told to bear with it."""
    with sync_playwright() as started:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
        yield started


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return browser_type_launch_args | chromium.launch_arguments()


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    server = Server("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], live_server: LiveServer) -> dict[str, Any]:
    return browser_context_args | {
        "base_url": live_server.url,
        "viewport": {"width": 1440, "height": 900},
        "permissions": ["clipboard-read", "clipboard-write"],
        "reduced_motion": "reduce",
    }


@pytest.fixture
def _portal(live_server: LiveServer) -> None:
    """What other tests left in the cache is not part of this one."""
    cache.clear()


@pytest.fixture
def watch() -> chromium.Watch:
    return chromium.Watch()


@pytest.fixture
def context(_portal: None, context: BrowserContext, watch: chromium.Watch) -> Iterator[BrowserContext]:
    """A browser of nobody in particular. No test passes in which a page had an error."""
    context.set_default_timeout(PATIENCE)
    watch.over(context)
    yield context
    context.close()  # before the tables are emptied
    assert watch.seen == []


@pytest.fixture
def viewer(_portal: None) -> User:
    return factories.user("Viewer", username="vera")


@pytest.fixture
def signed_in(context: BrowserContext, viewer: User, live_server: LiveServer) -> Page:
    """A page of a Viewer."""
    chromium.sign_in(context, viewer, live_server.url)
    return context.new_page()


@pytest.fixture
def administering(context: BrowserContext, _portal: None, live_server: LiveServer) -> Page:
    """A page of an Admin, who is called ada."""
    chromium.sign_in(context, factories.user("Admin", username="ada"), live_server.url)
    return context.new_page()


@pytest.fixture(scope="session")
def organization(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Stored:
    """130 environments, one of each kind, and the portal's copy of all but its secrets."""
    path = tmp_path_factory.mktemp("world") / "130"
    with django_db_blocker.unblock():
        return read_once(World(environments=130, seed=7), lambda read: fleet.read_all(read, secrets=False), path)


@pytest.fixture
def sandbox(organization: Stored, _portal: None) -> Iterator[Sandbox]:
    """The organization at Ona and in the portal's tables."""
    with organization.running() as sandbox:
        yield sandbox
