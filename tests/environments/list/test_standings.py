"""Owners, projects and runners that are not in order are marked, searched for and counted."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from environments.directory_pages.nouns import NOUNS
from portal.directory.models import Member, Project, Runner
from tests.support import automation_factories, factories

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
        of = "runner " if kind == "runner" else ""
        mark = f'href="/environments/?q={kind}%3A{word}">{of}{word}</a>'
        assert mark in listed.content.decode(), word
        detail = viewer.get(f"/environments/{made.pk}/").content.decode()
        assert f'href="/environments/?q={kind}%3A{word}">{word}</a>' in detail, word
        of_itself = viewer.get(f"/{NOUNS[kind].folder}/{identity}/").content.decode()
        assert f'href="/environments/?q={kind}%3A{word}">{word}</a>' in of_itself, word
        facets = viewer.get("/environments/facets/").content.decode()
        assert f"Some {kind} ({word})" in facets, word
    names = {row.name for row in viewer.get("/environments/", {"q": "owner:left,suspended"}).context["page"].rows}
    assert names == {"owner-left", "owner-suspended"}
    assert viewer.get("/environments/", {"q": "-owner:left"}).context["total"].count == len(CASES)


def test_who_left_and_what_was_deleted_is_marked_in_every_table_that_names_it() -> None:
    now, viewer = timezone.now(), factories.client("Viewer")
    gone = {"first_seen_at": now, "seen_at": now, "gone_at": now}
    owner, project = Member.objects.create(id=uuid4(), **gone), Project.objects.create(id=uuid4(), **gone)
    made = factories.environment(creator_id=owner.pk, project_id=project.pk, lockdown_at=now)
    build = automation_factories.task(made)
    execution = automation_factories.execution(build)
    for scope, entry in (("user", owner), ("project", project)):
        factories.secret(scope_kind=scope, scope_id=entry.pk)
    for address in (
        "/environments/", "/environments/running/", "/audit/lockdown/", "/audit/archive/", "/automations/",
        f"/automations/tasks/{build.reference}/", f"/automations/executions/{execution.pk}/", "/secrets/",
        f"/environments/{made.pk}/", "/audit/what-if/environments/?question=lifetime&value=1",
    ):  # fmt: skip
        page = viewer.get(address).content.decode()
        for mark in ("owner%3Aleft", "project%3Adeleted"):
            assert f'class="list-standing" href="/environments/?q={mark}"' in page, (address, mark)
