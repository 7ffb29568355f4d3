"""What an audit offers: the ticked and all that match handed to a batch, and the actions of each line."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from tests.environments.audit.audit_pages import ARCHIVE, DAY, HOUR, LOCKDOWN, get, names, some
from tests.support import audits, factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def ticks(page: str) -> list[str]:
    return re.findall(r'type="checkbox"[^>]*name="id"\s+value="(\w{32})"', page)


def test_ticked_environments_are_handed_to_a_batch_and_nothing_ticked_means_none():
    operator = factories.client("Operator")
    made = some()
    page = get(operator, LOCKDOWN)
    assert len(ticks(page)) == len(made) - 1  # not the gone one
    chosen = [made["past"].pk.hex, made["soon"].pk.hex]
    batch = get(operator, "/operations/batches/new/", id=["none", *chosen])
    assert "2 environments" in batch
    assert all(f'name="id" value="{identity}"' in batch for identity in chosen)
    assert sorted(names(get(operator, LOCKDOWN, id=["none", *chosen]))) == ["past", "soon"]
    assert names(get(operator, LOCKDOWN, id="none")) == []
    assert "0 environments" in get(operator, LOCKDOWN, id="none")


def test_all_that_match_are_handed_to_a_batch_by_name_where_a_status_chose_them():
    operator, url = factories.client("Operator"), "/operations/batches/new/?"
    made = some()
    whole = html.unescape(get(operator, LOCKDOWN, q="owner:ann"))
    assert f"{url}q=owner%3Aann" not in whole  # nothing matches, so there is nothing to hand on
    assert f'href="{url}phase=stopped&action=environment.stop"' in html.unescape(
        get(operator, LOCKDOWN, phase="stopped")
    )
    page = html.unescape(get(operator, LOCKDOWN, status="24h"))
    # of what fits, all an operator may
    assert f'href="{url}id=none&id={made["today"].pk.hex}&action=task.start"' in page


def test_of_a_status_no_more_are_handed_on_than_an_address_holds():
    for _ in range(101):
        factories.environment(lockdown_at=timezone.now() + HOUR)
    operator = factories.client("Operator")
    page = get(operator, LOCKDOWN, status="24h", size=100)
    assert "at most 100 can be taken" in page
    address = urlencode({"id": ["none", *ticks(page)]}, doseq=True)
    assert len(ticks(page)) == 100
    assert len(address) < 3800  # gunicorn takes lines of 4,094
    assert "100 environments" in operator.get(f"/operations/batches/new/?{address}").content.decode()


def test_those_who_may_not_run_tasks_choose_nothing(viewer):
    some()
    assert ticks(get(viewer, LOCKDOWN)) == []
    assert "Run a task" not in get(viewer, LOCKDOWN)


def test_a_line_offers_what_fits_its_status_and_says_why_not(viewer):
    audits.policies(lifetime=7, archive=3, delete=14)
    some()
    operator = factories.client("Operator")
    lockdown = get(operator, LOCKDOWN, q="running past")
    assert re.search(r'href="/environments/[^"]*/stop/">Stop…', lockdown)
    archive = get(factories.client("Admin"), ARCHIVE, q="left over")
    assert re.search(r'href="/environments/[^"]*/unarchive/">Unarchive…', archive)
    assert "Archive<" in archive
    assert "It is already archived." in archive
    assert "Your roles do not let you do this" in get(viewer, LOCKDOWN, q="running past")


def test_the_past_offers_nothing_to_do():
    audits.swept(timezone.now() - 9 * DAY, timezone.now() - HOUR)
    some()
    page = get(factories.client("Admin"), LOCKDOWN, as_of=(timezone.now() - timedelta(minutes=30)).isoformat())
    assert ticks(page) == []
    assert "/stop/" not in page
