"""`/sync/`: freshness of each kind of data, what delays it, and the runs of the sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse

from environments.models import SyncRun
from environments.sync.connection import own_token_of
from environments.sync.freshness import freshness
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, in_column, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of
from portal.web.charts.chart import Chart, Point, Series, seconds_words

LATEST = 50  # runs that the change token covers
# the numbers of a run: column, heading, and the tone of one that is not zero
COUNTS = (
    ("pages", "Pages", ""), ("requests", "Requests", ""), ("retries", "Retries", "amber"), ("listed", "Listed", ""),
    ("changed", "Changed", ""), ("transitions", "Transitions", ""), ("malformed", "Malformed", "red"),
    ("missing", "Missing", ""), ("gone", "Deleted", ""),
)  # fmt: skip
FAILING = (SyncRun.State.FAILED, SyncRun.State.REFUSED)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with its numbers: heading, number, tone."""

    run: SyncRun
    numbers: list[tuple[str, int, str]]

    @property
    def is_failed(self) -> bool:
        return self.run.state in FAILING


def _change_token() -> str:
    """Changes when a run begins or ends, and with the ages shown, which count in whole minutes."""
    runs = SyncRun.objects.order_by("-started_at", "-id").values_list("id", "state", "finished_at")[:LATEST]
    ages = [(kind.state, kind.stream.state, kind.age and kind.age.total_seconds() // 60) for kind in freshness()]
    return f"{crc32(repr((list(runs), ages)).encode()):08x}"


def _display(runs: Sequence[SyncRun], query: ListQuery, request: HttpRequest) -> list[RunRow]:
    return [RunRow(run, [(label, getattr(run, name), tone) for name, label, tone in COUNTS]) for run in runs]


def _chart(kind: str) -> Chart | None:
    """How long the latest runs of a kind took, oldest first; None if none has ended. One query."""
    newest = SyncRun.objects.filter(kind=kind).order_by("-started_at")[:LATEST]
    runs = [run for run in reversed(newest) if run.seconds is not None]
    if not runs:
        return None
    failed = sum(run.state in FAILING for run in runs)
    longest = seconds_words(max(run.seconds or 0 for run in runs))
    return Chart(
        "sync", f"Time of sync runs: {SyncRun.Kind(kind).label}",
        f"The latest {len(runs)} {'run' if len(runs) == 1 else 'runs'}: at most {longest}, {failed or 'none'} failed.",
        [Series("succeeded"), Series("failed", tone="red")], [_point(run) for run in runs], "Started (UTC)",
        measure=seconds_words, is_newest_first=True,
    )  # fmt: skip


def _point(run: SyncRun) -> Point:
    seconds = max(run.seconds or 0, 0.001)
    started = run.started_at.astimezone(UTC)
    return Point(
        f"{started:%Y-%m-%d %H:%M:%S}", (0, seconds) if run.state in FAILING else (seconds, 0), f"{started:%H:%M}",
        f"{reverse('sync')}?{urlencode({'kind': run.kind})}#run-{run.pk}",
    )  # fmt: skip


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    kinds = [("", "All"), *((value, label.capitalize()) for value, label in SyncRun.Kind.choices)]
    found = freshness()
    return {
        "kinds": found,
        "stream": found[0].stream,
        "token": own_token_of(request.user),
        "chart": _chart(query.one("kind") or SyncRun.Kind.ENVIRONMENTS),
        "choices": [(label, query.place.only("kind", value), query.one("kind") == value) for value, label in kinds],
    }


SYNC_RUNS = List(
    name="sync",
    api="sync-runs",
    page_url="sync",
    title="Sync",
    one="run",
    many="runs",
    model=SyncRun,
    permissions=("environments.view_syncrun",),
    # read from syncrun_newest and syncrun_newest_of_kind
    sorts=(Sort("started", "Started", F("started_at"), None, first_click_descends=True),),
    default_order="-started",
    filters=(
        Filter(
            "kind", "Kind", in_column("kind"), word_of(SyncRun.Kind.values), words_of(dict(SyncRun.Kind.choices)),
            single=True,
        ),
    ),
    display=_display,
    context=_context,
    is_counted=False,
    change_token=_change_token,
    headings=(
        Heading("", sort="started"),
        Heading("", "Kind"),
        Heading("", "State"),
        Heading("text-end", "Duration"),
        *(Heading("text-end", label) for _, label, _ in COUNTS),
    ),
    template="environments/sync/sync.html",
    body_template="",
    before_template="environments/sync/_before.html",
    rows_template="environments/sync/_rows.html",
    empty_template="environments/sync/_no_runs.html",
    css="env-runs",
    table=Table(
        name="sync-runs",
        title="Sync runs",
        columns={
            name: name
            for name in (
                "id", "kind", "state", "started_at", "finished_at", "pages", "requests", "retries", "listed", "changed",
                "transitions", "malformed", "missing",
            )
        } | {"deleted": "gone", "error_code": "error_code", "error": "error", "request_id": "request_id"},
    ),
)  # fmt: skip
