"""Real pages in a real browser: the portal on a live server, filled from the sandbox, seen by headless Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer
from pytest_playwright.pytest_playwright import CreateContextCallback

from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.browser import chromium, fleet
from tests.browser.serving import BLANK, Server
from tests.browser.stored import Stored, read_once
from tests.support import factories

PATIENCE = 30_000  # milliseconds: two cores may be busy with everything else
expect.set_options(timeout=PATIENCE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last in each worker, see `playwright`; those that take minutes first among them."""
    items.sort(
        key=lambda item: (
            item.get_closest_marker("browser") is not None,
            "test_every_page" not in item.nodeid,
            item.get_closest_marker("last") is not None,
        )
    )


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
        "viewport": chromium.VIEWPORT,
        "permissions": ["clipboard-read", "clipboard-write"],
        "reduced_motion": "reduce",
    }


@pytest.fixture
def _portal(live_server: LiveServer) -> None:
    """What other tests left in the cache is not part of this one."""
    cache.clear()


@pytest.fixture(scope="session")
def _kept(browser: Browser) -> Iterator[chromium.Kept]:
    kept = chromium.Kept()
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def _watch() -> chromium.Watch:
    return chromium.Watch()


@pytest.fixture
def watch(_watch: chromium.Watch) -> chromium.Watch:
    _watch.reset()
    return _watch


@pytest.fixture
def _kept_context(
    browser: Browser,
    browser_context_args: dict[str, Any],
    live_server: LiveServer,
    _kept: chromium.Kept,
    watch: chromium.Watch,
) -> Iterator[BrowserContext]:
    if _kept.context is None:
        _kept.context = browser.new_context(**browser_context_args)
        watch.over(_kept.context)
    yield _kept.context
    _kept.clear(f"{live_server.url}{BLANK}")  # before the tables are emptied
    assert watch.seen == []


@pytest.fixture
def _own_context(new_context: CreateContextCallback, watch: chromium.Watch) -> Iterator[BrowserContext]:
    context = new_context()
    watch.over(context)
    yield context
    context.close()  # before the tables are emptied
    assert watch.seen == []


@pytest.fixture
def context(request: pytest.FixtureRequest, _portal: None) -> BrowserContext:
    """A browser of nobody in particular. No test passes in which a page had an error.

    A test that is marked with arguments of its own (pytest-playwright's `browser_context_args`) has one of its own.
    """
    own = request.node.get_closest_marker("browser_context_args")
    context: BrowserContext = request.getfixturevalue("_own_context" if own else "_kept_context")
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def viewer(_portal: None) -> User:
    return factories.user("Viewer", username="vera")


@pytest.fixture
def signed_in(context: BrowserContext, viewer: User, live_server: LiveServer) -> Page:
    """A page of a Viewer."""
    chromium.sign_in(context, viewer, live_server.url)
    return chromium.tab(context)


@pytest.fixture
def administering(context: BrowserContext, _portal: None, live_server: LiveServer) -> Page:
    """A page of an Admin, who is called ada."""
    chromium.sign_in(context, factories.user("Admin", username="ada"), live_server.url)
    return chromium.tab(context)


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
