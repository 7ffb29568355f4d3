"""Owners, projects and runners that are not in order are marked, searched for and counted."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from portal.directory.models import Member, Project, Runner
from tests.support import factories

pytestmark = pytest.mark.django_db
CASES = (
    ("owner", "left", Member, "creator_id", {"gone": True}),
    ("owner", "suspended", Member, "creator_id", {"status": "USER_STATUS_SUSPENDED"}),
    ("project", "deleted", Project, "project_id", {"gone": True}),
    ("runner", "deleted", Runner, "runner_id", {"gone": True}),
    ("runner", "degraded", Runner, "runner_id", {"phase": "RUNNER_PHASE_DEGRADED"}),
)


def test_what_is_not_in_order_is_marked_and_found_wherever_it_is_named() -> None:
    now, viewer = timezone.now(), factories.client("Viewer")
    factories.environment(name="in-order", owner_name="Left-handed Lou")
    for kind, word, model, column, changes in CASES:
        identity = uuid4()
        columns = {name: value for name, value in changes.items() if name != "gone"}
        gone_at = now if "gone" in changes else None
        entry = {"id": identity, "name": f"Some {kind}", "first_seen_at": now, "seen_at": now, "gone_at": gone_at}
        model.objects.create(**entry, **columns)
        made = factories.environment(name=f"{kind}-{word}", **{column: identity})
        listed = viewer.get("/environments/", {"q": f"{kind}:{word}"})
        assert [row.name for row in listed.context["page"].rows] == [made.name], word
        mark = f'href="?q={kind}:{word}"' if kind != "runner" else f">runner {word}<"
        assert mark in listed.content.decode(), word
        detail = viewer.get(f"/environments/{made.pk}/").content.decode()
        assert f'href="/environments/?q={kind}%3A{word}">{word}</a>' in detail, word
        facets = viewer.get("/environments/facets/").content.decode()
        assert f"Some {kind} ({word})" in facets, word
    names = {row.name for row in viewer.get("/environments/", {"q": "owner:left,suspended"}).context["page"].rows}
    assert names == {"owner-left", "owner-suspended"}
    assert viewer.get("/environments/", {"q": "-owner:left"}).context["total"].count == len(CASES)
