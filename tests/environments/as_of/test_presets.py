"""Past times that are often asked about are one link away."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from environments.as_of.presets import past_times
from environments.models import SyncRun
from tests.support import factories


def test_each_is_the_end_of_a_day() -> None:
    times = {"2026-03-01T00:00": ("2026-02-28T23:59Z", "2026-02-22T23:59Z", "2026-02-28T23:59Z")}
    times["2026-01-01T10:30"] = ("2025-12-31T23:59Z", "2025-12-25T23:59Z", "2025-12-31T23:59Z")
    times["2026-11-28T23:59"] = ("2026-11-27T23:59Z", "2026-11-21T23:59Z", "2026-10-31T23:59Z")
    for now, wanted in times.items():
        found = past_times(datetime.fromisoformat(now).replace(tzinfo=UTC), str)
        assert tuple(each.url for each in found) == wanted, now


@pytest.mark.django_db
def test_they_lead_to_the_same_rows_as_of_then_and_fill_in_the_evidence_form() -> None:
    now = timezone.now()
    SyncRun.objects.create(
        kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=now - timedelta(days=60),
        finished_at=now - timedelta(days=60),
    )  # fmt: skip
    auditor = factories.client("Auditor")
    month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m-%d} 23:59"
    for address, keeps in (
        ("/environments/?phase=running", "phase=running"),
        ("/audit/", ""),
        ("/audit/evidence/", ""),
    ):
        html = auditor.get(address).content.decode()
        links = re.findall(r'<a href="([^"]+)">End of last month, ([^<]+)</a>', html)
        assert len(links) == 1, address
        url, words = links[0]
        assert words == month, address
        assert keeps in url, address
        page = auditor.get(address.partition("?")[0] + url.replace("&amp;", "&")).content.decode()
        assert f'value="{month}"' in page, address
