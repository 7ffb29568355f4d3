"""`/sync/`: how far behind each kind of data is, why, and what the latest runs did."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode

from environments.models import SyncRun, SyncRunQuerySet
from environments.sync.freshness import Freshness, freshness
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

ROWS = 50


@permission("environments.view_syncrun")
def sync(request: HttpRequest) -> HttpResponse:
    """The newest runs, of one kind where `kind` names one, older than the run `before`."""
    kind, before = _chosen(request)
    rows = list(_runs(kind, before)[: ROWS + 1])
    kinds = freshness()
    revision = _revision(rows, kinds)
    if is_fragment(request) and request.GET.get("seen") == revision:
        return HttpResponse(status=204)
    context = {
        "kinds": kinds,
        "runs": rows[:ROWS],
        "older": rows[ROWS - 1].id if len(rows) > ROWS else None,
        "kind": kind,
        "choices": SyncRun.Kind.choices,
        "is_older": before is not None,
        "poll": f"{request.path}?{urlencode({'kind': kind, 'seen': revision})}",
    }
    return render_page(request, "environments/sync/sync.html", "environments/sync/_sync.html", context)


def _chosen(request: HttpRequest) -> tuple[str, int | None]:
    """Kind and cursor of the address; what a hand-edited one gets wrong is not heeded."""
    kind, before = request.GET.get("kind", ""), request.GET.get("before", "")
    is_id = before.isascii() and before.isdigit() and len(before) < 19
    return kind if kind in SyncRun.Kind.values else "", int(before) if is_id else None


def _runs(kind: str, before: int | None) -> SyncRunQuerySet:
    runs = SyncRun.objects.order_by("-id")
    if kind:
        runs = runs.filter(kind=kind)
    return runs if before is None else runs.filter(id__lt=before)


def _revision(rows: Iterable[SyncRun], kinds: Iterable[Freshness]) -> str:
    """Of everything shown; ages count in whole minutes."""
    shown = [(run.id, run.state, run.finished_at) for run in rows]
    ages = [(kind.state, kind.age and kind.age.total_seconds() // 60) for kind in kinds]
    return f"{crc32(repr((shown, ages)).encode()):08x}"
