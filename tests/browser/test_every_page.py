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
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {"resultTypes": ["violations"], "preload": False}
# Only colours differ between the themes.
RULES = {
    "light": OPTIONS | {"runOnly": {"type": "tag", "values": TAGS}},
    "dark": OPTIONS | {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
# Parts of pages that have no page of their own, answers for machines, and Django's own admin.
NOT_PAGES = {"environments:changes", "environments:facets", "operations:changes", "accounts:sign-out", "alive", "ready"}
NOT_PAGES |= {"automations:execution-log-stream", "automations:service-log-stream", "automations:batch-cancel"}
NOT_PAGES |= {"automations:file-download"}
NOT_PAGES |= {"automations:execution-changes", "automations:execution-facets"}
NOT_PAGES |= {"accounts:start", "accounts:view"} | {f"accounts:view-{act}" for act in ("update", "start", "unshare")}
NOT_PAGES |= {"accounts:views-menu"}
# Files to keep.
NOT_PAGES |= {f"{room}:export" for room in ("environments", "secrets", "operations")} | {"operations:stream-export"}
NOT_PAGES |= {f"audit:{slug}-export" for slug in ("lockdown", "archive", "what-if")}
NOT_PAGES |= {
    f"automations:{list_}-export"
    for list_ in ("execution", "tasks", "task", "services", "service", "batch", "batch-items")
}
# The same form as that of another action, with other words.
ALIKE = {f"environments:{act}" for act in ("stop", "keep-awake", "archive", "unarchive")}


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
def test_every_page_is_accessible_in_both_themes_and_as_wide_as_its_window(
    context: BrowserContext, live_server: LiveServer, scene_by_scene: Iterator[Scene], watch: chromium.Watch, width: int
) -> None:
    watch.allowed_statuses |= {400, 403, 404, 410, 429, 500, 503}
    visitor, complaints = Visitor(context, live_server.url), []
    visitor.page.set_viewport_size({"width": width, "height": 900})
    for scene in scene_by_scene:
        complaints += [f"{scene.name}: {complaint}" for complaint in _complaints(visitor.open(scene), width)]
    assert not complaints, "\n".join(complaints)


def _complaints(page: Page, width: int) -> Iterator[str]:
    page.evaluate(Axe().axe_script)
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme)
        for violation in page.evaluate("rules => axe.run(document, rules)", rules)["violations"]:
            if violation["impact"] in SERIOUS:
                yield f"{violation['id']} ({theme}): {_where(violation)}"
    page.set_viewport_size({"width": min(width, 1280), "height": 900})
    if too_wide := chromium.overflow(page):
        yield f"{too_wide} pixels wider than its window"
    page.set_viewport_size({"width": width, "height": 900})


def _where(violation: dict[str, Any]) -> str:
    return "; ".join(f"{node['target'][0]} {node['html'][:120]}" for node in violation["nodes"][:4])


def test_every_address_of_the_portal_is_among_the_pages_looked_at(
    db: None, scene_by_scene: Iterator[Scene], settings: LazySettings
) -> None:
    looked_at = {resolve(scene.path.partition("?")[0]).view_name for scene in scene_by_scene if scene.status < 400}
    assert set(_names(get_resolver("portal.urls"))) - NOT_PAGES - ALIKE == looked_at


def _names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}"
        elif pattern.namespace != "admin":
            yield from _names(pattern, f"{pattern.namespace}:" if pattern.namespace else namespace)
