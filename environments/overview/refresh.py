"""Bringing what `/` shows up to date after a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max

from environments.models import SyncRun, Transition
from environments.models.overview import OverviewPart

from . import counts, failures, running_chart, running_time, startup_times, top_consumers

log = structlog.get_logger()
KEEPING = 0x6F6E64  # advisory lock: one sync keeps them at a time
RARELY = timedelta(minutes=5)  # how often what looks back over days is brought up to date
PROGRESS = "progress"


@dataclass(frozen=True)
class Progress:
    """How far the roll-ups are: the last sweep, the last look back, and the transition up to which that counted."""

    at: datetime
    looked_back_at: datetime
    transition: int

    @classmethod
    def read(cls) -> Progress | None:
        kept = OverviewPart.objects.filter(pk=PROGRESS).first()
        if kept is None:
            return None
        return cls(kept.at, datetime.fromisoformat(kept.data["looked_back_at"]), kept.data["transition"])

    def save(self) -> None:
        data = {"looked_back_at": self.looked_back_at.isoformat(), "transition": self.transition}
        _save(self.at, {PROGRESS: data})


def after_sweep(run: SyncRun | None) -> None:
    """Keep what the page shows once a sweep has ended well; a mistake here is logged and costs no sweep."""
    if run is None or run.kind != SyncRun.Kind.ENVIRONMENTS or run.state != SyncRun.State.SUCCEEDED:
        return
    try:
        keep(run.started_at)
    except Exception:
        log.exception("the overview was not brought up to date")


def keep(at: datetime, *, everything: bool = False) -> bool:
    """Bring the roll-ups up to `at`, when the sweep that has just ended began; False where they are as new already.

    What looks back over days follows every five minutes, or at once with `everything`; and once names came to be known.
    """
    with transaction.atomic():
        _wait_for_turn()
        before = Progress.read()
        if before is not None and at <= before.at:
            return False
        census = counts.count(at)
        counts.keep_snapshot(at, census)
        _save(at, {"counts": counts.part(at, census), "failures": failures.part(at)})
        everything = everything or (before is not None and _names_came(before.looked_back_at))
        if before is None or everything or at - before.looked_back_at >= RARELY:
            _look_back(at, before, census, everything=everything)
        else:
            Progress(at, before.looked_back_at, before.transition).save()
    return True


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [KEEPING])


def _names_came(since: datetime) -> bool:
    """Whether members, projects and classes were first read since: what was kept has ids in place of their names."""
    read = SyncRun.objects.filter(kind=SyncRun.Kind.DIRECTORY, state=SyncRun.State.SUCCEEDED).order_by("started_at")
    first = read.values_list("finished_at", flat=True).first()
    return first is not None and first > since


def _look_back(at: datetime, before: Progress | None, census: counts.Census, *, everything: bool) -> None:
    """Add what was seen since the last time, and make the parts that show it; the first time begins it all."""
    newest = Transition.objects.aggregate(newest=Max("pk"))["newest"] or 0
    if before is not None:
        running_time.add(before.looked_back_at, at, before.transition, newest)
        startup_times.keep(at, before.transition, newest)
    is_new_hour = before is None or counts.hour_of(before.looked_back_at) != counts.hour_of(at)
    periods = [period for period in running_chart.PERIODS.values() if is_new_hour or everything or period.name == "day"]
    if is_new_hour:
        running_chart.forget(at)
    _save(
        at,
        {
            "tops": top_consumers.part(at, census),
            "startups": startup_times.part(at),
            **running_chart.parts(at, periods),
        },
    )
    Progress(at, at, newest).save()


def _save(at: datetime, parts: dict[str, dict[str, Any]]) -> None:
    OverviewPart.objects.bulk_create(
        [OverviewPart(name=name, at=at, data=data) for name, data in parts.items()],
        update_conflicts=True, unique_fields=["name"], update_fields=["at", "data"],
    )  # fmt: skip
