"""`/sync/`: freshness of each kind of data, what delays it, and the runs of the sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from django.db.models import F
from django.http import HttpRequest

from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, in_column, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of

LATEST = 50  # runs that the change token covers
COUNTS = ("Pages", "Requests", "Retries", "Listed", "Changed", "Transitions", "Malformed", "Missing", "Deleted")


def _change_token() -> str:
    """Changes when a run begins or ends, and with the ages shown, which count in whole minutes."""
    runs = SyncRun.objects.order_by("-started_at", "-id").values_list("id", "state", "finished_at")[:LATEST]
    ages = [(kind.state, kind.stream.state, kind.age and kind.age.total_seconds() // 60) for kind in freshness()]
    return f"{crc32(repr((list(runs), ages)).encode()):08x}"


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    kinds = [("", "All"), *((value, label.capitalize()) for value, label in SyncRun.Kind.choices)]
    found = freshness()
    return {
        "kinds": found,
        "stream": found[0].stream,
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
    context=_context,
    is_counted=False,
    change_token=_change_token,
    headings=(
        Heading("", sort="started"),
        Heading("", "Kind"),
        Heading("", "State"),
        Heading("text-end", "Duration"),
        *(Heading("text-end", label) for label in COUNTS),
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
