"""Times ahead of the portal's clock, and times that stand for none, on every page that shows an environment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from automations.sync.summaries import refresh
from tests.support import factories
from tests.support.automation_factories import execution, task

pytestmark = pytest.mark.django_db
NONE, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
IN_AN_HOUR = timezone.now().replace(microsecond=0) + timedelta(hours=1)


@pytest.mark.parametrize("odd", [NONE, LAST, IN_AN_HOUR], ids=["none", "last", "ahead"])
def test_odd_times_are_told_sensibly_everywhere(odd: datetime) -> None:
    environment = factories.environment(
        created_at=odd, active_at=odd, last_started_at=odd, lockdown_at=odd, phase="ENVIRONMENT_PHASE_RUNNING",
        status={"activitySignal": {"source": "VS Code", "timestamp": odd.isoformat()}},
    )  # fmt: skip
    run = execution(
        task(environment), created_at=odd, started_at=odd, completed_at=None, phase="TASK_EXECUTION_PHASE_RUNNING"
    )
    refresh()
    client = factories.client("Admin")
    ahead = 0
    for path in (
        reverse("environments:list"), reverse("environments:detail", args=[environment.pk]),
        reverse("environments:stop", args=[environment.pk]), reverse("environments:lockdown", args=[environment.pk]),
        reverse("audit:lockdown"), reverse("automations:list"), reverse("automations:tasks"),
        reverse("automations:execution", args=[run.pk]), reverse("environments:timeline", args=[environment.pk]),
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200, path
        page = answer.content.decode()
        assert not re.search(r"\d{5,} d\b", page), path
        assert not re.search(r"\b(used|created|started)[^<]{0,20} in \d", page), path
        ahead += "ahead of the portal&#x27;s clock" in page or "ahead of the portal's clock" in page
    assert ahead >= 4 if odd > timezone.now() else not ahead
