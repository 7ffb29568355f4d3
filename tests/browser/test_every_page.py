"""What holds on every page: accessible, within its window, without an error in the browser's log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import BrowserContext, Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from tests.browser import chromium
from tests.browser.accessibility import Judge
from tests.browser.scenes import GROUPS, NO_ROLE, Scene, beginning, live_and_read, scenes, three_hours_ago
from tests.browser.stored import Stored, read_once
from tests.support import factories
from tests.support.profiles import drawn

pytestmark = pytest.mark.browser

# How wide a window is, and how narrow it may become while the page still fits.
WIDE, NARROWER = 1440, (1280, 390)
LONGEST = 6  # screens of a phone, before one asks for more
# Parts of pages that have no page of their own, answers for machines, and Django's own admin.
NOT_PAGES = {"environments:running-facets", "environments:running-export"}
NOT_PAGES |= {
    "environments:changes",
    "environments:facets",
    "operations:changes",
    "accounts:sign-out",
    "alive",
    "ready",
}
NOT_PAGES |= {
    "automations:execution-log-stream",
    "automations:service-log-stream",
    "automations:batch-cancel",
    "automations:batch-continue",
}
NOT_PAGES |= {"automations:environment-log-stream", "automations:environment-bundle"}
NOT_PAGES |= {"automations:file-download", "complete", "live", "live-badge", "metrics"}
NOT_PAGES |= {"api-docs"}  # Swagger UI, which is not ours
NOT_PAGES |= {"automations:execution-changes", "automations:execution-facets"}
NOT_PAGES |= {f"outbox:{name}" for name in ("changes", "export", "attempts-changes", "attempts-export")}
NOT_PAGES |= {"people:facets", "people:export", "access-log-changes", "access-log-export"}
NOT_PAGES |= {f"jobs:{each}" for each in ("facets", "cancel", "result", "verify-chain")}
NOT_PAGES |= {"accounts:start", "accounts:view"} | {f"accounts:view-{act}" for act in ("update", "start", "unshare")}
NOT_PAGES |= {"accounts:views-menu", "accounts:provider", "accounts:provider-callback"}
NOT_PAGES |= {"accounts:session-end", "accounts:sessions-end"}
NOT_PAGES |= {f"accounts:{name}" for name in ("factor-remove", "recovery-codes", "sign-in-code")}
# Files to keep.
NOT_PAGES |= {f"{room}:export" for room in ("environments", "secrets", "operations")} | {"operations:stream-export"}
NOT_PAGES |= {"environments:timeline-export"}
NOT_PAGES |= {f"audit:{slug}-export" for slug in ("lockdown", "lockdown-changes", "archive", "what-if")}
NOT_PAGES |= {
    f"automations:{list_}-export"
    for list_ in ("execution", "tasks", "task", "services", "service", "batch", "batch-items")
}
BEGINNING = "beginning"
# The same as that of another action, member or runner, with other words.
ALIKE = {f"environments:{act}" for act in ("stop", "keep-awake", "archive", "unarchive")}
ALIKE |= {"directory:project", "directory:class"}


@pytest.fixture
def beside(settings: LazySettings, viewer: User) -> User:
    """Addresses and users of the scenes; the one who may sign in by a link."""
    settings.ROOT_URLCONF = "tests.browser.urls"
    factories.user(username=NO_ROLE)
    return factories.user("Admin", username="ada")


@pytest.fixture(scope="session")
def lived_in(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Stored:
    """What the groups of scenes begin with."""
    with django_db_blocker.unblock():
        return read_once(three_hours_ago(60), live_and_read, tmp_path_factory.mktemp("world") / "60")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


class Shown:
    """The views that scenes showed, each with its status, and the groups that are through."""

    def __init__(self) -> None:
        self.views: set[tuple[int, str]] = set()
        self.groups: set[str] = set()

    def note(self, scene: Scene) -> None:
        path = scene.path.partition("?")[0]
        self.views.add((scene.status, resolve(path).view_name if scene.status < 400 else path))


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown()


class Visitor:
    """Opens scenes as the users they are for, each user in a browser tab of the one context."""

    def __init__(self, context: BrowserContext, url: str, shown: Shown) -> None:
        self.context, self.url, self.shown = context, url, shown
        self.page = chromium.tab(context)
        self.user = ""

    def open(self, scene: Scene) -> Page:
        if scene.user != self.user:
            self.page.goto("about:blank")  # a page that asks for news would find itself signed out, and go to sign in
            self.context.clear_cookies()
            if scene.user:
                chromium.sign_in(self.context, User.objects.get(username=scene.user), self.url)
            self.user = scene.user
        answer = self.page.goto(scene.path)
        assert answer is not None
        assert answer.status == scene.status, scene.name
        scene.then(self.page)
        return self.page

    def comes_first_to(self, scene: Scene) -> bool:
        """Whether no scene before it was of the same view and status."""
        before = len(self.shown.views)
        self.shown.note(scene)
        return len(self.shown.views) > before

    def wide(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})

    def leave(self) -> None:
        """Make the window wide again, in which nothing needs to be laid out any more."""
        self.page.evaluate("document.documentElement.hidden = true")
        self.wide(WIDE)


@pytest.fixture
def visitor(context: BrowserContext, live_server: LiveServer, watch: chromium.Watch, shown: Shown) -> Visitor:
    watch.allowed_statuses |= {400, 403, 404, 410, 429, 500, 503}
    return Visitor(context, live_server.url, shown)


def test_the_first_pages_are_accessible_in_both_themes_and_as_wide_as_their_window(
    visitor: Visitor, judge: Judge, beside: User
) -> None:
    _look_at(beginning(beside), visitor, judge)
    visitor.shown.groups.add(BEGINNING)


@pytest.mark.parametrize("group", GROUPS)
def test_every_page_is_accessible_in_both_themes_and_as_wide_as_its_window(
    lived_in: Stored, visitor: Visitor, judge: Judge, beside: User, group: str
) -> None:
    with lived_in.running() as sandbox:
        _look_at(GROUPS[group](sandbox), visitor, judge)
    visitor.shown.groups.add(group)


def _look_at(scenes_: Iterator[Scene], visitor: Visitor, judge: Judge) -> None:
    """Each view's first scene; of its others a third, drawn again in each run, and all in the thorough profile."""
    complaints = []
    for scene in scenes_:
        if (is_first := visitor.comes_first_to(scene)) or drawn():
            complaints += [f"{scene.name}: {each}" for each in _complaints(scene, visitor, judge, is_first=is_first)]
    assert not complaints, "\n".join(complaints)


def _complaints(scene: Scene, visitor: Visitor, judge: Judge, *, is_first: bool) -> Iterator[str]:
    """The page is opened once, judged, and made narrower; a view's first scene is judged for thumbs, too."""
    page = visitor.open(scene)
    yield from judge.complaints(page)
    for width in NARROWER:
        visitor.wide(width)
        if too_wide := chromium.overflow(page):
            yield f"{too_wide} pixels wider than its window of {width}"
    if (length := chromium.screens(page)) > LONGEST:
        yield f"{length:.1f} screens of a phone long"
    if is_first:
        yield from (f"{each} at {min(NARROWER)}" for each in judge.small_targets(page))
    visitor.leave()


@pytest.mark.last
def test_every_address_of_the_portal_is_among_the_pages_looked_at(lived_in: Stored, beside: User, shown: Shown) -> None:
    """What the tests above did not come to, because they failed or were not run, is made for this one."""
    missing = [group for name, group in GROUPS.items() if name not in shown.groups]
    for scene in scenes(lived_in.running(), missing, beside=None if BEGINNING in shown.groups else beside):
        shown.note(scene)
    looked_at = {name for status, name in shown.views if status < 400}
    assert set(_names(get_resolver("portal.urls"))) - NOT_PAGES - ALIKE == looked_at


def _names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}"
        elif pattern.namespace not in ("admin", "api"):
            yield from _names(pattern, f"{pattern.namespace}:" if pattern.namespace else namespace)
