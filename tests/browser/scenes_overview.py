"""Scenes of the overview: with weeks behind it, an outage in them, and every way to look at it. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from playwright.sync_api import Page

from environments.models import SyncRun
from environments.rollup_models import OverviewPart, RunningTime, Snapshot
from environments.rollups.counting import count, hour_of, keep_snapshot
from environments.rollups.keeping import keep

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

HOURS = 24 * 95
OUTAGES = (range(30, 42), range(300, 420))  # hours ago


def overview(scene: type[Scene]) -> Iterator[Scene]:
    """A fleet whose past is made of its present, more or less of it at different times of day."""
    _past()
    yield scene("overview-week", "/")
    yield scene("overview-day", "/?period=day&by=project&top=running+time")
    yield scene("overview-month", "/?period=month&by=class")
    yield scene("overview-quarter", "/?period=quarter", then=_unfold)


def _past() -> None:
    now = timezone.now()
    keep_snapshot(now, count(now))
    present = list(Snapshot.objects.filter(hour=hour_of(now)))
    Snapshot.objects.all().delete()
    Snapshot.objects.bulk_create(
        _smaller(row, now - timedelta(hours=ago), ago)
        for ago in range(HOURS)
        if not any(ago in outage for outage in OUTAGES)
        for row in present
    )
    for minutes in range(12):
        SyncRun.objects.create(
            kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED,
            started_at=now - timedelta(minutes=minutes), finished_at=now - timedelta(minutes=minutes),
        )  # fmt: skip
    OverviewPart.objects.all().delete()
    RunningTime.objects.all().delete()
    keep(now - timedelta(minutes=11), everything=True)
    keep(now, everything=True)


def _smaller(row: Snapshot, at: datetime, ago: int) -> Snapshot:
    """Less at night and at weekends, and less the longer ago."""
    share = 0.4 + 0.6 * (7 < at.hour < 19) * (at.weekday() < 5) * (1 - ago / HOURS / 2)
    counts = {key: round(number * share) for key, number in row.counts.items()}
    return Snapshot(hour=hour_of(at), dimension=row.dimension, at=at, counts=counts)


def _unfold(page: Page) -> None:
    page.get_by_text("The values as a table").click()
