"""What an audit offers to do in many of its environments at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from environments.models import Phase
from tests.support import audits, factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LOCKDOWN, ARCHIVE = "/audit/lockdown/", "/audit/archive/"
BULK = re.compile(r'list-run"\s+href="([^"]+)">Bulk actions…')


@pytest.fixture(autouse=True)
def _fleet(db: None) -> None:
    """One that runs past its lockdown, one that is overdue for archiving, one that will be."""
    cache.clear()
    now = timezone.now()
    audits.swept(now - 2 * DAY)
    audits.policies(lifetime=7, strict=True, archive=3, delete=14)
    factories.environment(name="running past", lockdown_at=now - DAY)
    for name, ago in (("overdue", 9 * DAY), ("due", DAY)):
        factories.environment(
            name=name, phase=Phase.STOPPED, first_seen_at=now - ago, active_at=None, last_started_at=now - ago
        )


def page(client: Client, url: str, **query: str) -> str:
    return client.get(url, query).content.decode()


def offered(text: str) -> dict[str, bool]:
    """What is offered for the ticked, and whether it can be asked for."""
    form = text.partition('id="chosen"')[2].partition("</form>")[0]
    enabled = re.findall(r'name="action"\s+value="([\w.]+)"', form)
    disabled = re.findall(r'class="btn env-disabled"\s+title="Your roles[^"]*">([^<]+)<', form)
    return dict.fromkeys(enabled, True) | dict.fromkeys(disabled, False)


def test_what_fits_the_statuses_that_are_shown_is_offered_and_deleting_to_what_is_archived_or_overdue() -> None:
    admin = factories.client("Admin")
    assert list(offered(page(admin, LOCKDOWN, status="running"))) == [
        "environment.stop", "environment.set_lockdown", "environment.clear_lockdown", "task.start",
    ]  # fmt: skip
    assert list(offered(page(admin, ARCHIVE, status="overdue"))) == [
        "environment.archive", "environment.unarchive", "environment.delete", "task.start",
    ]  # fmt: skip
    assert list(offered(page(admin, ARCHIVE))) == [
        "environment.stop", "environment.start", "environment.archive", "environment.unarchive", "environment.delete",
        "task.start",
    ]  # fmt: skip


def test_what_a_person_may_not_do_is_disabled_and_where_they_may_nothing_nothing_is_offered() -> None:
    operator = page(factories.client("Operator"), ARCHIVE, status="due")
    assert offered(operator) == {"environment.start": True, "task.start": True, "Archive": False}
    for role in ("Viewer", "Auditor"):
        assert offered(page(factories.client(role), ARCHIVE)) == {}


def test_all_that_match_lead_to_the_plan_of_what_fits_best() -> None:
    admin, operator = factories.client("Admin"), factories.client("Operator")
    assert BULK.search(page(admin, ARCHIVE, status="overdue"))[1].endswith("&amp;action=environment.archive")
    assert BULK.search(page(operator, ARCHIVE, status="overdue"))[1].endswith("&amp;action=task.start")
    link = BULK.search(page(admin, LOCKDOWN, status="running"))
    assert link
    plan = page(admin, link[1].replace("&amp;", "&"))
    assert "running past" in plan
    assert "overdue" not in plan


def test_where_the_last_that_matched_has_left_the_plan_is_of_none_and_not_of_all() -> None:
    admin, began = factories.client("Admin"), timezone.now()
    factories.environment(name="soon past", lockdown_at=began + timedelta(seconds=30))
    assert BULK.search(page(admin, LOCKDOWN, status="24h"))
    with time_machine.travel(began + timedelta(seconds=40)):  # counts are kept for a minute
        link = BULK.search(page(admin, LOCKDOWN, status="24h"))
    assert link
    assert "value=" not in "".join(re.findall(r'name="target"[^>]*', page(admin, link[1].replace("&amp;", "&"))))


def test_in_the_past_nothing_is_offered() -> None:
    then = f"{timezone.now() - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    assert offered(page(factories.client("Admin"), LOCKDOWN, as_of=then)) == {}
