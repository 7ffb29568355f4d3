"""The page of a deleted environment speaks in the past."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from environments.models import Field, Phase, Transition
from tests.support import audits, factories, operations

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_nothing_is_announced_or_offered_of_a_deleted_environment() -> None:
    now = timezone.now()
    audits.policies(ago=9 * DAY, delete=7)
    made = factories.environment(
        gone_at=now - DAY, archived_at=now - 5 * DAY, lockdown_at=now + 3 * DAY, phase=Phase.STOPPED,
        failure="no image", timeout=timedelta(minutes=30), spec_version=3, runner_spec_version=1, secrets_in_sync=False,
    )  # fmt: skip
    Transition.objects.create(
        environment=made, field=Field.GONE, new=str(now - DAY), old_seen_at=now - DAY - timedelta(minutes=2),
        seen_at=now - DAY,
    )  # fmt: skip
    admin = factories.client("Admin")
    for tab in ("", "?tab=content", "?tab=access"):
        html = admin.get(f"/environments/{made.pk}/{tab}").content.decode()
        assert html.count("env-banner ") == 1, tab
        assert f"Deleted {now - DAY:%-d %b %Y}" in html, tab
        assert f"between {now - DAY - timedelta(minutes=2):%Y-%m-%d %H:%M} UTC and" in html, tab
        assert "outside the portal" in html, tab
        for future in ("Will be", "Deletion:", "can be started", "env-failure", "Not in sync</strong>", "wanted:"):
            assert future not in html, (tab, future)
        assert 'hx-get="/environments/' not in html.partition('id="environment-menu"')[2].partition("</div>")[0], tab
        assert 'class="btn btn-sm edit-link"' not in html, tab
    listed = admin.get("/environments/", {"gone": "only"}).content.decode()
    assert "last seen stopped" in listed
    assert "list-flag" not in listed.partition("<tbody>")[2]


def test_who_deleted_it_is_named_if_the_portal_did() -> None:
    made = factories.environment(gone_at=timezone.now())
    operations.operation("environment.delete", ago=timedelta(hours=1), environment_id=made.pk, actor_name="ann")
    html = factories.client("Viewer").get(f"/environments/{made.pk}/").content.decode()
    assert "by ann through the portal" in html
