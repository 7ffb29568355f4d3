"""Scenes of the overview: with weeks behind it, an outage in them, and every way to look at it. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from playwright.sync_api import Page

from environments.directory_pages.nouns import NOUNS
from environments.models import Environment, SyncRun
from environments.models.overview import OverviewPart, RunningTime, Snapshot, StartUp
from environments.overview.counts import count_all, hour_of, store_snapshot
from environments.overview.refresh import refresh_parts

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

HOURS = 24 * 95
WEEK = 7 * 24 * 60  # minutes
OUTAGES = (range(30, 42), range(300, 420))  # hours ago


def overview(scene: type[Scene]) -> Iterator[Scene]:
    """A fleet whose past is made of its present, more or less of it at different times of day."""
    yield scene("overview-starts-none", "/overview/starts/")
    _past()
    _started()
    yield scene("overview-week", "/")
    yield scene("overview-day", "/?period=day&by=project&top=running+time")
    yield scene("overview-month", "/?period=month&by=class")
    yield scene("overview-quarter", "/?period=quarter", then=_unfold)
    yield scene("overview-changes", "/overview/changes/")
    yield scene("overview-starts", "/overview/starts/")
    newest = StartUp.objects.order_by("-running_at")[0]
    yield scene("overview-starts-narrowed", f"/overview/starts/?class={newest.class_id}&period=month&kind=started")
    yield scene("overview-running-time", f"/overview/running-time/?class={newest.class_id}")
    for kind in ("owner", "runner"):
        noun = NOUNS[kind]
        row = Environment.objects.present().exclude(**{noun.column: None}).order_by("-has_failure", "id")[0]
        yield scene(f"directory-{kind}", f"/{noun.folder}/{getattr(row, noun.column)}/")
    yield scene("overview-running-time-none", "/overview/running-time/", then=_unobserved)


def _is_outage(ago: int) -> bool:
    return any(ago in outage for outage in OUTAGES)


def _past() -> None:
    now = timezone.now()
    store_snapshot(now, count_all(now))
    present = list(Snapshot.objects.filter(hour=hour_of(now)))
    Snapshot.objects.all().delete()
    Snapshot.objects.bulk_create(
        _smaller(row, now - timedelta(hours=ago), ago) for ago in range(HOURS) if not _is_outage(ago) for row in present
    )
    times = [now - timedelta(minutes=ago) for ago in (*range(12), *range(12, WEEK, 3)) if not _is_outage(ago // 60)]
    kind, state = SyncRun.Kind.ENVIRONMENTS, SyncRun.State.SUCCEEDED
    SyncRun.objects.bulk_create(SyncRun(kind=kind, state=state, started_at=at, finished_at=at) for at in times)
    OverviewPart.objects.all().delete()
    RunningTime.objects.all().delete()
    refresh_parts(now - timedelta(minutes=11), everything=True)
    refresh_parts(now, everything=True)


def _started() -> None:
    """Starts of a fortnight, of which some could not be measured."""
    now, made = timezone.now(), []
    for number, environment in enumerate(Environment.objects.present().order_by("id")[:60]):
        kind = ("created", "started", "started", "")[number % 4]
        took = 20.0 + 7 * number
        made.append(
            StartUp(
                transition_id=number, environment_id=environment.pk, kind=kind, seconds=took if kind else None,
                running_at=now - number * timedelta(hours=5), uncertain=60 if kind else None,
                project_id=environment.project_id, class_id=environment.class_id,
            )
        )  # fmt: skip
    StartUp.objects.bulk_create(made)
    refresh_parts(now + timedelta(seconds=1), everything=True)


def _unobserved(page: Page) -> None:
    """As it is before two sweeps."""
    RunningTime.objects.all().delete()
    page.reload()


def _smaller(row: Snapshot, at: datetime, ago: int) -> Snapshot:
    """Less at night and at weekends, and less the longer ago."""
    share = 0.4 + 0.6 * (7 < at.hour < 19) * (at.weekday() < 5) * (1 - ago / HOURS / 2)
    counts = {key: round(number * share) for key, number in row.counts.items()}
    return Snapshot(hour=hour_of(at), dimension=row.dimension, at=at, counts=counts)


def _unfold(page: Page) -> None:
    page.get_by_text("View as table").click()
