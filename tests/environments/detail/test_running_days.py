"""The line of the last days on an environment's page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from environments.models import Environment, Field, Phase, Sighting, SyncRun, Transition
from tests.support import factories

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def said(environment: Environment) -> tuple[str, list[str]]:
    """What stands beside the line, and its points."""
    page = factories.client().get(f"/environments/{environment.pk}/").content.decode()
    text, points = re.search(r'class="env-ran">(.*?)</p>', page, re.S), re.search(r'polyline points="(.*?)"', page)
    return " ".join(re.sub(r"<[^>]+>", "", text[1]).split()) if text else "", points[1].split() if points else []


def test_each_day_that_was_observed_is_in_the_line_and_no_other() -> None:
    now = timezone.now()
    environment = factories.environment(
        phase=Phase.STOPPED, first_seen_at=now - 20 * DAY, created_at=now - 20 * DAY, archived_at=None
    )
    Sighting.objects.update_or_create(environment=environment, defaults={"seen_at": now})
    assert said(environment) == ("", [])
    for begin, end in ((20, 9), (6, 0)):  # nothing was observed from the 9th day before now to the 6th
        first, last = now - begin * DAY, now - end * DAY
        for kind, start, finish in (
            ("environments", first, first),
            ("environments", last, last),
            ("events", first, last),
        ):
            SyncRun.objects.create(kind=kind, state="succeeded", started_at=start, finished_at=finish)
    for begin, hours in ((12.5, 6), (2.5, 12)):
        for old, new, at in (
            (Phase.STOPPED, Phase.RUNNING, now - begin * DAY),
            (Phase.RUNNING, Phase.STOPPED, now - begin * DAY + hours * HOUR),
        ):
            Transition.objects.create(
                environment=environment, field=Field.PHASE, old=old, new=new, old_seen_at=at, seen_at=at
            )
    text, points = said(environment)
    assert text == "Ran 18 h in the last 14 days, of which 11 were observed."
    assert [point.split(",")[1] for point in points] == ["19.0", "11.5", *["19.0"] * 6, "4.0", "19.0", "19.0"]
