"""How long unpushed work has: the same in both audits, by whichever policy comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Phase
from tests.support import audits, factories
from tests.support.audits import DAY
from tests.support.exports import read

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LOCKDOWN, ARCHIVE = "/audit/lockdown/", "/audit/archive/"
STRICT = {"lifetime": 7, "archive": 3, "delete": 14, "strict": True}
LOOSE = STRICT | {"strict": False}
KEEPING = {"lifetime": 7, "archive": 3, "strict": True}
ARCHIVED = {"phase": Phase.STOPPED, "archived_at": -12 * DAY}
STOPPED = {
    "phase": Phase.STOPPED,
    "created_at": -30 * DAY,
    "first_seen_at": -DAY,
    "active_at": None,
    "last_started_at": None,
}
# the policies in days; the columns, times as they lie from now; what both audits say
CASES: list[tuple[dict[str, Any] | None, dict[str, Any], str]] = [
    (LOOSE, ARCHIVED | {"lockdown_at": -DAY}, "2 d left"),
    (STRICT, ARCHIVED | {"lockdown_at": -DAY}, "no time left"),
    (STRICT, ARCHIVED | {"lockdown_at": 5 * DAY}, "2 d left"),
    (STRICT, ARCHIVED | {"lockdown_at": 2 * HOUR}, "2 h left"),
    (STRICT, {"lockdown_at": 2 * HOUR}, "2 h left"),
    (LOOSE, {"lockdown_at": 2 * HOUR}, "no time limit by policy"),
    (STRICT, {}, "no time limit by policy"),
    (STRICT, STOPPED, "16 d left"),
    (STRICT, STOPPED | {"lockdown_at": 3 * DAY}, "3 d left"),
    (STRICT, STOPPED | {"first_seen_at": -20 * DAY}, "no time left"),
    (KEEPING, STOPPED, "no time limit by policy"),
    (KEEPING, ARCHIVED | {"lockdown_at": 5 * DAY}, "5 d left"),
    (KEEPING, {"phase": "", "lockdown_at": 5 * DAY}, "5 d left"),
    (STRICT, {"phase": "", "lockdown_at": 5 * DAY}, "at most 5 d left"),
    (STRICT, {"phase": ""}, "how long is unknown"),
    (None, ARCHIVED | {"lockdown_at": 2 * HOUR}, "how long is unknown"),
    (STRICT, ARCHIVED | {"gone_at": -HOUR}, "lost"),
]


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


@pytest.mark.parametrize(("policy", "columns", "said"), CASES)
def test_unpushed_work_has_the_time_of_the_policy_that_comes_first_in_both_audits(
    auditor: Client, policy: dict[str, Any] | None, columns: dict[str, Any], said: str
) -> None:
    if policy:
        audits.policies(**policy)
    now = timezone.now() + MINUTE / 2  # what is asked half a minute later has still as many hours
    times = {name: now + value if isinstance(value, timedelta) else value for name, value in columns.items()}
    factories.environment(unpushed_commits=3, changed_files=0, **times)
    for url in (LOCKDOWN, ARCHIVE):
        (line,) = auditor.get(f"{url}?gone=yes").context["rows"]
        assert line["work"] == f"3 commits: {said}", url
        (row,) = read(auditor, f"{url}export/?gone=yes").rows
        assert row["time_left_for_unpushed_work"] == f"3 commits: {said}", url
