"""`/operations/stream/`: operations and Ona's audit log, ordered by time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from environments.activity.queries import page
from environments.activity.query import SOURCES, SPANS, State, chips, read_state
from environments.activity.rows import stream_lines
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.ledger.models import AuditLog, AuditLogGap
from portal.ledger.rows import revision as operations_revision
from portal.lists.place import SIZES
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

READ = ("ledger.view_operation", "ledger.view_auditlog")


@permission(*READ)
def stream(request: HttpRequest) -> HttpResponse:
    """One page of the stream; what an open page asks for again (`seen`) is 204 while nothing is new."""
    seen = _change_token()
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context = stream_context(read_state(request.GET), seen)
    response = render_page(request, "environments/activity/stream.html", "environments/activity/_list.html", context)
    if is_fragment(request) and "seen" not in request.GET:
        response["HX-Push-Url"] = context["here"]
    return response


def stream_context(state: State, seen: str) -> dict[str, Any]:
    """The context of the templates."""
    shown, url, place = page(state), reverse("operations:stream"), state.place
    (log,) = freshness(SyncRun.Kind.AUDIT_LOGS)
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "lines": stream_lines(shown.spots),
        "chips": chips(state),
        "sources": SOURCES.items(),
        "spans": _spans(state),
        "log": log,
        "unread": AuditLogGap.objects.filter(end__isnull=False).order_by("-end").first(),
        "direction": "descending" if place.order.descending else "ascending",
        "turned_url": place.turned(),
        "size": place.size,
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "changes_url": f"{url}{place}&{urlencode({'seen': seen})}" if state.cursor is None else "",
    }


def _spans(state: State) -> list[tuple[str, str]]:
    """The choices of periods, and the one in the query."""
    asked = state.one("since")
    return [*SPANS.items(), *([(asked, f"last {asked}")] if asked and asked not in SPANS else [])]


def _change_token() -> str:
    """Changes with the newest entry, and with requests and results of operations."""
    newest = AuditLog.objects.newest_first().values_list("pk", flat=True).first()
    return f"{operations_revision()}-{newest}"
