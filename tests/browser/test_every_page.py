"""What holds on every page: accessible, within its window, without an error in the browser's log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from tests import factories
from tests.browser import chromium
from tests.browser.scenes import NO_ROLE, Scene, scenes, three_hours_ago

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    "preload": False,
}
# Parts of pages that have no page of their own, answers for machines, and Django's own admin.
NOT_PAGES = {"environments:changes", "environments:facets", "accounts:sign-out", "alive", "ready"}


@pytest.fixture
def scene_by_scene(settings: LazySettings, viewer: User) -> Iterator[Scene]:
    settings.ROOT_URLCONF = "tests.browser.urls"
    factories.user(username=NO_ROLE)
    return scenes(three_hours_ago(60), beside=factories.user("Admin", username="ada"))


class Visitor:
    """Opens scenes as the users they are for, each user in a browser tab of the one context."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.page = context.new_page()
        self.user = ""

    def open(self, scene: Scene) -> Page:
        if scene.user != self.user:
            self.context.clear_cookies()
            if scene.user:
                chromium.sign_in(self.context, User.objects.get(username=scene.user), self.url)
            self.user = scene.user
        answer = self.page.goto(scene.path)
        assert answer is not None
        assert answer.status == scene.status, scene.name
        scene.then(self.page)
        return self.page


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_and_as_wide_as_its_window(
    context: BrowserContext,
    live_server: LiveServer,
    scene_by_scene: Iterator[Scene],
    watch: chromium.Watch,
    theme: str,
    width: int,
) -> None:
    watch.allowed_statuses |= {400, 403, 404, 410, 429, 500, 503}
    visitor, complaints = Visitor(context, live_server.url), []
    visitor.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    visitor.page.set_viewport_size({"width": width, "height": 900})
    for scene in scene_by_scene:
        page = visitor.open(scene)
        complaints += [f"{scene.name}: {line}" for line in _violations(page)]
        page.set_viewport_size({"width": min(width, 1280), "height": 900})
        if too_wide := chromium.overflow(page):
            complaints.append(f"{scene.name}: {too_wide} pixels wider than its window")
        page.set_viewport_size({"width": width, "height": 900})
    assert not complaints, "\n".join(complaints)


def _violations(page: Page) -> list[str]:
    found = Axe().run(page, options=AXE).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {_where(violation)}"
        for violation in found
        if violation["impact"] in SERIOUS
    ]


def _where(violation: dict[str, Any]) -> str:
    return "; ".join(f"{node['target'][0]} {node['html'][:120]}" for node in violation["nodes"][:4])


def test_every_address_of_the_portal_is_among_the_pages_looked_at(
    db: None, scene_by_scene: Iterator[Scene], settings: LazySettings
) -> None:
    looked_at = {resolve(scene.path.partition("?")[0]).view_name for scene in scene_by_scene if scene.status < 400}
    assert set(_names(get_resolver("portal.urls"))) - NOT_PAGES == looked_at


def _names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}"
        elif pattern.namespace != "admin":
            yield from _names(pattern, f"{pattern.namespace}:" if pattern.namespace else namespace)
