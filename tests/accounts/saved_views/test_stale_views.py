"""Forms of saved views that another window overtook."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User

from portal.accounts.saved_views import changes
from tests.support import factories
from tests.support.saved_views import LIST, address, browser, text, view

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return factories.user("Viewer")


def seen_at(answer: Any) -> str:
    found = re.search(r'name="seen_at"\s+value="([^"]+)"', text(answer))
    assert found
    return unescape(found[1])


def test_a_change_in_another_window_is_shown_before_it_is_overwritten(ann: User) -> None:
    own, client = view(ann, is_shared=True), browser(ann)
    first = seen_at(client.get(address(own, "edit/")))
    for overtake in (
        lambda: changes.change_view(view=own, name="Theirs", is_shared=True, is_start=False),
        lambda: changes.unshare_view(view=own, actor=factories.user("Admin")),
    ):
        overtake()
        refused = client.post(address(own, "edit/"), {"name": "Mine", "is_shared": "on", "seen_at": first})
        assert refused.status_code == 422
        assert "changed after you opened this. It is now called Theirs" in unescape(text(refused))
        assert 'value="Mine"' in text(refused)
    assert "not shared" in text(refused)
    again = {"name": "Mine", "is_shared": "on", "seen_at": seen_at(refused)}
    assert client.post(address(own, "edit/"), again).status_code == 302
    own.refresh_from_db()
    assert (own.name, own.is_shared) == ("Mine", True)


def test_filters_that_another_window_saved_are_not_overwritten_unseen(ann: User) -> None:
    own, client = view(ann), browser(ann)
    client.get(address(own))
    mine = {"query": "phase=running", "seen_at": seen_at(client.get(LIST, {"phase": "running"}))}
    changes.refill_view(view=own, query="phase=starting")
    htmx = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}?phase=running"}
    refused = client.post(address(own, "update/"), mine, headers=htmx)
    assert refused.status_code == 422
    assert "phase: starting" in text(refused)
    own.refresh_from_db()
    assert own.query == "phase=starting"
    again = mine | {"seen_at": seen_at(refused)}
    assert client.post(address(own, "update/"), again, headers=htmx).status_code == 200
    own.refresh_from_db()
    assert own.query == "phase=running"
