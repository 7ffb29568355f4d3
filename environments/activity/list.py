"""The activity stream: operations and Ona's audit log in one list, ordered by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F
from django.http import HttpRequest

from environments.activity.exports import TABLE
from environments.activity.filters import FILTERS, SOURCES, spans
from environments.activity.queries import page
from environments.activity.rows import stream_lines
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.ledger.models import AuditLog, AuditLogGap, Operation
from portal.ledger.rows import revision as operations_revision
from portal.lists.declaration import Heading, List, ListQuery
from portal.lists.keyset import Sort


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    (log,) = freshness(SyncRun.Kind.AUDIT_LOGS)
    return {
        "sources": SOURCES.items(),
        "spans": spans(query),
        "log": log,
        "unread": AuditLogGap.objects.filter(end__isnull=False).order_by("-end").first(),
    }


def _change_token() -> str:
    """Changes with the newest entry, and with requests and results of operations."""
    newest = AuditLog.objects.newest_first().values_list("pk", flat=True).first()
    return f"{operations_revision()}-{newest}"


STREAM = List(
    name="stream",
    page_url="operations:stream",
    export_url="operations:stream-export",
    title="Combined log",
    one="event",
    many="events",
    model=Operation,
    permissions=("ledger.view_operation", "ledger.view_auditlog"),
    sorts=(Sort("at", "When", F("at"), None, first_click_descends=True),),
    default_order="-at",
    filters=FILTERS,
    panel=tuple(each.name for each in FILTERS),
    pages=page,
    is_counted=False,
    display=lambda spots, query, request: stream_lines(
        spots, with_versions=request.user.has_perm("environments.view_specificationversion")
    ),
    context=_context,
    change_token=_change_token,
    headings=(
        Heading("stream-when", sort="at"),
        Heading("stream-source", "Where"),
        Heading("stream-who", "Who"),
        Heading("stream-what", "What"),
        Heading("stream-on", "On"),
        Heading("stream-more", "Details"),
    ),
    template="environments/activity/stream.html",
    body_template="",
    rows_template="environments/activity/_rows.html",
    before_template="environments/activity/_log.html",
    empty_template="environments/activity/_empty.html",
    beyond="",
    css="stream-table",
    table=TABLE,
    api="operations/combined-log",
)
