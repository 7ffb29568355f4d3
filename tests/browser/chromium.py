"""The machine's own Chromium, and what goes wrong on the pages it opens."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, ViewportSize

FONTS = Path(__file__).with_name("fonts.conf")
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
# The first is Chromium without windows of its own: menus, pop-ups and their pages, which no test sees.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# The address bar's pop-ups are pages of their own, and loading them for each context costs more than a page of the
# portal. Of two --disable-features the last one counts: the others here are Playwright's that matter to a test.
FEATURES_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "PreloadTopChromeWebUI",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
# Nothing but the portal is talked to, and a container's small /dev/shm does not end the browser.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(FEATURES_OFF)}",
)
# A refused script or style reaches the log by itself; the event names the directive even where the log does not.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `CSP: ${event.effectiveDirective} refused ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`));
"""


def launch_arguments() -> dict[str, Any]:
    """For BrowserType.launch: PORTAL_CHROMIUM, else the first known program on the PATH."""
    named = [os.environ.get("PORTAL_CHROMIUM", ""), *PROGRAMS]
    program = next((found for name in named if name and (found := shutil.which(name))), None)
    if program is None:
        raise RuntimeError("No Chromium: install it, or name its program in PORTAL_CHROMIUM")
    return {"executable_path": program, "args": list(ARGUMENTS), "env": {"FONTCONFIG_FILE": str(FONTS), **os.environ}}


# htmx logs a request that a newer one replaces as an error; one that fails also logs htmx:sendError or htmx:timeout.
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")


FORMS_REFUSED = frozenset({422})


@dataclass
class Watch:
    """Collects what no page may cause: errors in the console, uncaught errors, policy violations, dialogs."""

    allowed_statuses: set[int] = field(default_factory=lambda: set(FORMS_REFUSED))
    seen: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Watch every page that the context opens."""
        context.add_init_script(TELL_VIOLATIONS)
        context.on("page", self._page)

    def reset(self) -> None:
        """Another test begins."""
        self.seen, self.allowed_statuses = [], set(FORMS_REFUSED)

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"uncaught: {error}"))
        page.on("dialog", lambda dialog: (self.seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning") or message.text.startswith(REPLACED):
            return
        expected = any(f"responded with a status of {status}" in message.text for status in self.allowed_statuses)
        if not expected:
            self.seen.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


class Kept:
    """A context and its tab from test to test: a new window, process and half a megabyte of styles cost a second.

    Between tests it has no cookies and nothing stored. It is not kept once its clock was set.
    """

    def __init__(self) -> None:
        self.context: BrowserContext | None = None

    def clear(self, blank: str) -> None:
        """End a test."""
        if not self.context or not self.context.pages or self.context.pages[0].evaluate("'__pwClock' in window"):
            self.close()
        else:
            try:
                self._clear(self.context, blank)
            except Error:  # the page itself went elsewhere at the same moment
                self.close()

    def _clear(self, context: BrowserContext, blank: str) -> None:
        first, *others = context.pages
        for page in others:
            page.close()
        context.clear_cookies()
        first.goto(blank)
        first.evaluate("localStorage.clear(); sessionStorage.clear()")
        first.emulate_media(color_scheme="null")
        first.set_viewport_size(VIEWPORT)

    def close(self) -> None:
        """Leave nothing open."""
        if self.context:
            self.context.close()
        self.context = None


def tab(context: BrowserContext) -> Page:
    """The context's first page."""
    return context.pages[0] if context.pages else context.new_page()


def sign_in(context: BrowserContext, user: User, url: str) -> None:
    """Give the context a session of the user, as if signed in a moment ago."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])


def screens(page: Page, height: int = 844) -> float:
    """How many screens of a phone the page is long."""
    return float(page.evaluate("document.scrollingElement.scrollHeight")) / height


def overflow(page: Page) -> int:
    """By how many pixels the page as a whole scrolls sideways; 0 where it does not."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))
