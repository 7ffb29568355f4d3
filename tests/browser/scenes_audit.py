"""Scenes of the audits of lockdown and archive, and of pages as of a past moment. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from playwright.sync_api import Page

from environments.as_of.clock import written
from environments.models import Environment, Field, SyncRun
from portal.lists.keyset import Cursor
from tests.support import audits as made

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
LOCKDOWN, ARCHIVE = "/audit/lockdown/", "/audit/archive/"
HOUR = timedelta(hours=1)


def empty(scene: type[Scene]) -> Iterator[Scene]:
    """Before the first sweep."""
    yield scene("audit-never-swept", "/audit/")
    yield scene("audit-lockdown-never-swept", LOCKDOWN)


def audits(scene: type[Scene]) -> Iterator[Scene]:
    """Each audit: as it opens, narrowed, grouped, explained, as of a moment, and where nothing was observed."""
    now = timezone.now()
    _moved()
    first = SyncRun.objects.filter(kind="environments", state="succeeded").earliest("started_at").started_at
    moment = written(first + timedelta(seconds=1))
    made.swept(now - timedelta(days=3), now - timedelta(days=2))
    gap = written(now - timedelta(days=1))
    older = Cursor("-seen", "after", written(now - 2 * HOUR), 9).encode()
    yield scene("audit", "/audit/")
    yield scene("audit-lockdown", LOCKDOWN, ADMIN, then=_explained)
    yield scene("audit-lockdown-grouped", f"{LOCKDOWN}?group=project&status=past&status=running")
    yield scene("audit-lockdown-not-understood", f"{LOCKDOWN}?status=lost&as_of=soon&q=phase:sleeping")
    yield scene("audit-lockdown-nothing-matches", f"{LOCKDOWN}?q=nothing-is-called-like-this")
    yield scene("audit-lockdown-none-chosen", f"{LOCKDOWN}?id=none", ADMIN)
    yield scene("audit-lockdown-as-of", f"{LOCKDOWN}?as_of={moment}")
    yield scene("audit-lockdown-filters", f"{LOCKDOWN}?phase=running&status=7d", then=_unfolded)
    yield scene("audit-lockdown-changes", f"{LOCKDOWN}changes/?q=phase:running", ADMIN)
    yield scene("audit-lockdown-changes-older", f"{LOCKDOWN}changes/?page={older}")
    yield scene("audit-archive", ARCHIVE, ADMIN, then=_explained)
    yield scene("audit-archive-grouped", f"{ARCHIVE}?group=owner&status=due&size=25")
    yield scene("audit-archive-not-observed", f"{ARCHIVE}?as_of={gap}")
    yield scene("audit-of-the-gap", f"/audit/?as_of={gap}")
    yield scene("list-as-of", f"/environments/?as_of={moment}&size=25")
    yield scene("list-not-observed", f"/environments/?as_of={gap}")
    yield scene("what-if", "/audit/what-if/")
    yield scene("what-if-answered", "/audit/what-if/?lifetime=14&timeout=2&archive=1&delete=7")
    yield scene("what-if-environments", "/audit/what-if/environments/?question=lifetime&value=14&size=25", ADMIN)
    yield scene("what-if-environments-none", "/audit/what-if/environments/?question=delete&value=7&within=now&q=zzz")
    yield scene("what-if-refused", "/audit/what-if/?lifetime=9999")


def _moved() -> None:
    """Two lockdowns were changed outside the portal."""
    now = timezone.now()
    first, second = Environment.objects.present().filter(lockdown_at__isnull=False).order_by("id")[:2]
    made.moved(first, Field.LOCKDOWN, now + HOUR, first.lockdown_at, by=now - HOUR)
    made.moved(second, Field.LOCKDOWN, second.lockdown_at, None, by=now - 2 * HOUR)


def _unfolded(page: Page) -> None:
    page.locator("#filters-panel > summary").click()
    page.locator("#facet-phase").wait_for()


def _explained(page: Page) -> None:
    for summary in page.locator("#audit details:not(.list-help, .aud-facets, .chart-table) > summary").all():
        if summary.is_visible():  # on a phone some stand in rows that are folded
            summary.click()
    page.evaluate("scrollTo(0, 0)")  # from where the last one is: the bar at the top would cover some of a row
