"""Who set, moved and cleared lockdowns: in the audit's explanations, and as a list of their own."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Environment, Field
from portal.lists.keyset import Cursor
from tests.environments.audit.audit_pages import DAY, HOUR, LOCKDOWN, get
from tests.support import audits, factories, operations

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def test_a_cleared_lockdown_says_by_whom(viewer):
    audits.policies(lifetime=7)
    now = timezone.now()
    inside, outside = factories.environment(name="inside"), factories.environment(name="outside")
    made = operations.operation("environment.clear_lockdown", ago=2 * HOUR, environment_id=inside.pk,
                                target_id=inside.pk, after={"lockdownAt": None}, reason="release week")  # fmt: skip
    for row in (inside, outside):
        audits.moved(row, Field.LOCKDOWN, now + DAY, None, by=now - 2 * HOUR + timedelta(minutes=1))
    page = get(viewer, LOCKDOWN, status="exempt")
    assert "was cleared by ann" in page
    assert "was cleared by somebody outside the portal" in page
    assert f"/operations/{made.pk}/" in page
    assert "Reason: release week" in page
    assert f'<li><a href="/operations/{made.pk}/">The operation</a></li>' in page


def test_a_moved_lockdown_says_by_whom_from_when_and_why(viewer):
    audits.policies(lifetime=7)
    now = timezone.now()
    old, new = now + 3 * DAY, now + 60 * DAY
    row = factories.environment(lockdown_at=new)
    made = operations.operation("environment.set_lockdown", ago=2 * HOUR, environment_id=row.pk, target_id=row.pk,
                                after={"lockdownAt": new.isoformat()}, reason="a long demo")  # fmt: skip
    audits.moved(row, Field.LOCKDOWN, old, new, by=now - 2 * HOUR + timedelta(minutes=1))
    page = get(viewer, LOCKDOWN, status="later")
    assert f"It was moved from {old:%Y-%m-%d %H:%M} UTC by ann" in page
    assert "Reason: a long demo" in page
    assert f'<li><a href="/operations/{made.pk}/">The operation</a></li>' in page
    assert "comes from an earlier policy" not in page


def moved_often(number: int) -> list[Environment]:
    """So many environments, each with a lockdown that was moved a minute before the one before it; two at a time."""
    now = timezone.now()
    made = []
    for minutes in range(number):
        made.append(factories.environment(name=f"moved-{minutes:03}", lockdown_at=now + DAY))
        by = now - timedelta(minutes=minutes // 2 * 2)
        audits.moved(made[-1], Field.LOCKDOWN, now + HOUR, now + DAY, by=by)
    return made


def test_every_change_of_a_lockdown_is_found_page_by_page(viewer):
    moved_often(121)
    page = get(viewer, LOCKDOWN, status="running", group="owner")
    assert "The newest 20." in page
    assert f'href="{LOCKDOWN}changes/?"' in page
    seen, address, sizes = [], "?", []
    while address:
        page = viewer.get(f"{LOCKDOWN}changes/{address}").content.decode()
        found = re.findall(r"<bdi>(moved-\d+)</bdi>", page)
        sizes.append(len(found))
        seen += found
        older = re.search(r'rel="next"\s+id="next-page"\s+href="([^"]*)"', page)
        address = html.unescape(older[1]) if older else ""
    assert sizes == [50, 50, 21]
    assert sorted(seen) == [f"moved-{number:03}" for number in range(121)]


def test_changes_of_lockdowns_are_those_of_the_filters_and_of_the_moment(viewer):
    audits.swept(timezone.now() - DAY, timezone.now() - timedelta(minutes=2))
    moved_often(4)
    only = get(viewer, f"{LOCKDOWN}changes/", q="name:moved-002")
    assert re.findall(r"<bdi>(moved-\d+)</bdi>", only) == ["moved-002"]
    before = (timezone.now() - timedelta(minutes=1)).isoformat()
    then = get(viewer, f"{LOCKDOWN}changes/", as_of=before)
    assert sorted(re.findall(r"<bdi>(moved-\d+)</bdi>", then)) == ["moved-002", "moved-003"]
    assert "this is not a place in this list" in get(viewer, f"{LOCKDOWN}changes/", page="yesterday")
    first = Cursor("-seen", "after", "2020-01-01T00:00:00Z", 9).encode()
    assert "There are no older ones." in get(viewer, f"{LOCKDOWN}changes/", page=first)


def test_a_lockdown_moved_by_another_value_than_asked_for_was_moved_by_somebody_else(viewer):
    now = timezone.now()
    row = factories.environment(lockdown_at=now + 9 * DAY)
    operations.operation("environment.set_lockdown", ago=2 * HOUR, environment_id=row.pk, target_id=row.pk,
                         after={"lockdownAt": (now + 5 * DAY).isoformat()})  # fmt: skip
    audits.moved(row, Field.LOCKDOWN, now + DAY, now + 9 * DAY, by=now - HOUR)
    page = get(viewer, LOCKDOWN)
    assert "moved:" in page
    assert "somebody outside the portal" in page
