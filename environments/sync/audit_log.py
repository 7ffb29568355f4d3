"""Sync run: Ona's audit log, newest entries first, then the older ones that are still unread.

The table of gaps holds which periods are unread. Each page is written in one transaction with the gap that it leaves,
so that the next run continues wherever a run ended, and no entry is written twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from environments.models import SyncRun
from environments.sync.job import Refused, record_run
from portal.ledger.audit_log_matching import match, match_recent
from portal.ledger.models.audit_log import AuditLog, AuditLogGap
from portal.ona import OnaClient, errors
from portal.ona.documents.audit import AuditEntry
from portal.ona.documents.values import timestamp_text

OVERLAP = timedelta(minutes=10)  # entries can be logged later than they are dated
MAX_PAGES = 100  # of 100 entries, in one run
INSTANT = timedelta(microseconds=1)
NOT_ALLOWED = (
    "The token may not read Ona's audit log, or the organization's plan has none. What is done outside the portal has "
    "no name here; all else works without it. With a token of an organization admin, all of the log is read."
)


def sync_audit_logs(client: OnaClient, max_pages: int = MAX_PAGES) -> SyncRun | None:
    """Read new entries, then gaps, up to `max_pages` pages; None if such a run is in progress.

    A token without permission makes a refused run, not a failed one. RPC: EventService.ListAuditLogs.
    """
    return record_run(SyncRun.Kind.AUDIT_LOGS, client, lambda run: _sync(client, run, max_pages))


def _sync(client: OnaClient, run: SyncRun, max_pages: int) -> None:
    own = client.get_authenticated_identity().subject.id
    _add_gap_up_to_now()
    try:
        for gap in AuditLogGap.objects.order_by(F("end").desc(nulls_first=True)):
            if run.pages < max_pages:
                _read_gap(client, run, gap, own, max_pages)
    except (errors.PermissionDenied, errors.Unimplemented) as error:
        raise Refused(error.code, NOT_ALLOWED, error.request_id or "") from error
    match_recent()


def _add_gap_up_to_now() -> None:
    """Record the time since the newest entry, or since the log's beginning, as a gap that ends now."""
    if not AuditLogGap.objects.filter(end=None).exists():
        newest = AuditLog.objects.newest_first().filter(at__lte=timezone.now()).values_list("at", flat=True).first()
        AuditLogGap.objects.create(start=newest - OVERLAP if newest else None)


def _read_gap(client: OnaClient, run: SyncRun, gap: AuditLogGap, own: UUID | None, max_pages: int) -> None:
    limits = {"from": gap.start, "to": gap.end}
    period = {name: timestamp_text(at) for name, at in limits.items() if at}
    oldest = gap.end
    for page in client.audit_log_pages(filter=period):
        rows = [_row(entry, entry.created_at, page.sent_at, own) for entry in page.items if entry.created_at]
        run.pages += 1
        run.listed += len(page.items)
        run.malformed += len(page.malformed) + len(page.items) - len(rows)
        is_last = not page.next_token
        with transaction.atomic():
            run.changed += _store(rows)
            oldest = _shrink_gap(gap, rows, oldest, is_last=is_last)
        if run.pages >= max_pages and not is_last:
            return


def _store(rows: list[AuditLog]) -> int:
    """Store the entries that are new; return their number."""
    stored = set(AuditLog.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    new = list({row.pk: row for row in rows if row.pk not in stored}.values())
    AuditLog.objects.bulk_create(new)
    match(AuditLog.objects.filter(pk__in=[row.pk for row in new]))
    return len(new)


def _shrink_gap(gap: AuditLogGap, rows: list[AuditLog], oldest: datetime | None, *, is_last: bool) -> datetime | None:
    """Cut what a page has read off the gap's end; return the oldest time read so far.

    Ona promises no order: a page that does not continue where the last one ended, newest first, cuts off nothing.
    """
    if is_last:
        gap.delete()
        return oldest
    times = [row.at for row in rows]
    if not times or times != sorted(times, reverse=True) or (oldest and times[0] > oldest):
        return oldest
    gap.end = times[-1] + INSTANT  # further entries of the same microsecond may be on the next page
    gap.save()
    return times[-1]


def _row(entry: AuditEntry, at: datetime, sent_at: datetime, own: UUID | None) -> AuditLog:
    return AuditLog(
        id=entry.id,
        at=at,
        actor_id=entry.actor_id,
        actor_principal=_storable(entry.actor_principal),
        subject_id=entry.subject_id,
        subject_type=_storable(entry.subject_type),
        action=_storable(entry.action),
        kind=_storable(entry.kind),
        document=msgspec.json.decode(entry.storable),
        kept_at=sent_at,
        is_own=own is not None and entry.actor_id == own,
    )


def _storable(text: str) -> str:
    """Replace NUL, which Postgres cannot store."""
    return text.replace("\0", "\ufffd")
