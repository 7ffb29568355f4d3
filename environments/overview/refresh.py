"""Refresh the figures of `/` after a full listing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max

from environments.models import SyncRun, Transition
from environments.models.overview import OverviewPart

from . import counts, failure_causes, running_chart, running_time, startup_times, top_consumers

log = structlog.get_logger()
REFRESHING = 0x6F6E64  # advisory lock: one sync refreshes at a time
LOOK_BACK_INTERVAL = timedelta(minutes=4.5)  # the parts that cover days: with each fifth listing, or each watched one
PROGRESS = "progress"


@dataclass(frozen=True)
class RefreshProgress:
    """How far the figures are: the last listing, the last look-back, and the transition up to which that counted."""

    at: datetime
    looked_back_at: datetime
    transition: int

    @classmethod
    def read(cls) -> RefreshProgress | None:
        part = OverviewPart.objects.filter(pk=PROGRESS).first()
        if part is None:
            return None
        return cls(part.at, datetime.fromisoformat(part.data["looked_back_at"]), part.data["transition"])

    def save(self) -> None:
        data = {"looked_back_at": self.looked_back_at.isoformat(), "transition": self.transition}
        _save(self.at, {PROGRESS: data})


def refresh_after(run: SyncRun | None) -> None:
    """Refresh the figures after a successful listing; an error here is logged and does not fail the listing."""
    if run is None or run.kind != SyncRun.Kind.ENVIRONMENTS or run.state != SyncRun.State.SUCCEEDED:
        return
    try:
        refresh_parts(run.started_at)
    except Exception:
        log.exception("the overview was not brought up to date")


def refresh_parts(at: datetime, *, everything: bool = False) -> bool:
    """Refresh the figures as of `at`, when the listing began; False if they are as new already.

    Parts that cover days follow every five minutes, or at once with `everything` or when names have been read first.
    """
    with transaction.atomic():
        _wait_for_turn()
        before = RefreshProgress.read()
        if before is not None and at <= before.at:
            return False
        census = _count(at)
        everything = everything or (before is not None and _names_came(before.looked_back_at))
        if before is None or everything or at - before.looked_back_at >= LOOK_BACK_INTERVAL:
            _look_back(at, before, census, everything=everything)
        else:
            RefreshProgress(at, before.looked_back_at, before.transition).save()
    return True


def refresh_counts(at: datetime) -> None:
    """Refresh what changes with every listing, between two of them: those parts that cover days wait for the next."""
    with transaction.atomic():
        _wait_for_turn()
        _count(at)


def _count(at: datetime) -> counts.Census:
    census = counts.count_all(at)
    counts.store_snapshot(at, census)
    _save(at, {"counts": counts.part(at, census), "failures": failure_causes.part(at)})
    return census


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [REFRESHING])


def _names_came(since: datetime) -> bool:
    """Whether the directory was first read since `since`: the stored parts then have ids in place of names."""
    read = SyncRun.objects.filter(kind=SyncRun.Kind.DIRECTORY, state=SyncRun.State.SUCCEEDED).order_by("started_at")
    first = read.values_list("finished_at", flat=True).first()
    return first is not None and first > since


def _look_back(at: datetime, before: RefreshProgress | None, census: counts.Census, *, everything: bool) -> None:
    """Add what was observed since the last look-back, and refresh the parts that show it."""
    newest = Transition.objects.aggregate(newest=Max("pk"))["newest"] or 0
    if before is not None:
        running_time.add_running_time(before.looked_back_at, at, before.transition, newest)
        startup_times.record_starts(at, before.transition, newest)
    is_new_hour = before is None or counts.hour_of(before.looked_back_at) != counts.hour_of(at)
    periods = [period for period in running_chart.PERIODS.values() if is_new_hour or everything or period.name == "day"]
    if is_new_hour:
        running_chart.delete_old_snapshots(at)
    _save(
        at,
        {
            "tops": top_consumers.part(at, census),
            "startups": startup_times.part(at),
            **running_chart.parts(at, periods),
        },
    )
    RefreshProgress(at, at, newest).save()


def _save(at: datetime, parts: dict[str, dict[str, Any]]) -> None:
    OverviewPart.objects.bulk_create(
        [OverviewPart(name=name, at=at, data=data) for name, data in parts.items()],
        update_conflicts=True, unique_fields=["name"], update_fields=["at", "data"],
    )  # fmt: skip
