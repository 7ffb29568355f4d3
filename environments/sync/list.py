"""`/sync/`: freshness of each kind of data, what delays it, and the latest runs."""

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
    """The newest runs; `kind` restricts to one kind, `before` to runs older than that id."""
    kind, before = _read_query(request)
    rows = list(_runs(kind, before)[: ROWS + 1])
    kinds = freshness()
    change_token = _change_token(rows, kinds)
    if is_fragment(request) and request.GET.get("seen") == change_token:
        return HttpResponse(status=204)
    context = {
        "kinds": kinds,
        "runs": rows[:ROWS],
        "older": rows[ROWS - 1].id if len(rows) > ROWS else None,
        "kind": kind,
        "choices": SyncRun.Kind.choices,
        "is_older": before is not None,
        "poll": f"{request.path}?{urlencode({'kind': kind, 'seen': change_token})}",
    }
    return render_page(request, "environments/sync/sync.html", "environments/sync/_sync.html", context)


def _read_query(request: HttpRequest) -> tuple[str, int | None]:
    """Kind and cursor from the URL; invalid values are ignored."""
    kind, before = request.GET.get("kind", ""), request.GET.get("before", "")
    is_id = before.isascii() and before.isdigit() and len(before) < 19
    return kind if kind in SyncRun.Kind.values else "", int(before) if is_id else None


def _runs(kind: str, before: int | None) -> SyncRunQuerySet:
    runs = SyncRun.objects.order_by("-id")
    if kind:
        runs = runs.filter(kind=kind)
    return runs if before is None else runs.filter(id__lt=before)


def _change_token(rows: Iterable[SyncRun], kinds: Iterable[Freshness]) -> str:
    """Changes with everything shown; ages count in whole minutes."""
    shown = [(run.id, run.state, run.finished_at) for run in rows]
    ages = [(kind.state, kind.age and kind.age.total_seconds() // 60) for kind in kinds]
    return f"{crc32(repr((shown, ages)).encode()):08x}"
