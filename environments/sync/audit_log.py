"""The reading of Ona's own audit log: what is new each time, and what of the past is still to be read.

What is still to be read stands in the table of gaps. Each page is written together with the gap that it leaves, so a
run that ends anywhere, even in the middle, is gone on with by the next. Nothing is read into the table twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from environments.models import SyncRun
from environments.sync.job import Refused, record
from portal.ledger.audit_log_matching import match, match_recent
from portal.ledger.models.audit_log import AuditLog, AuditLogGap
from portal.ona import OnaClient, errors
from portal.ona.documents.audit import AuditEntry
from portal.ona.documents.values import timestamp_text

OVERLAP = timedelta(minutes=10)  # entries may come into the log later than they are dated
MOST_PAGES = 100  # of 100 entries, in one run
INSTANT = timedelta(microseconds=1)
NOT_ALLOWED = (
    "The token may not read Ona's audit log, or the organization's plan has none. What is done outside the portal has "
    "no name here; all else works without it. With a token of an organization admin, all of the log is read."
)


def sync_audit_logs(client: OnaClient, most_pages: int = MOST_PAGES) -> SyncRun | None:
    """Read what is new in the audit log and, as far as `most_pages` go, what of it was left; None if such a run is
    under way.

    A token that may not read it makes a run that was refused, and no failure. Source: EventService.ListAuditLogs.
    """
    return record(SyncRun.Kind.AUDIT_LOGS, client, lambda run: _sync(client, run, most_pages))


def _sync(client: OnaClient, run: SyncRun, most_pages: int) -> None:
    own = client.get_authenticated_identity().subject.id
    _look_for_news()
    try:
        for gap in AuditLogGap.objects.order_by(F("end").desc(nulls_first=True)):
            if run.pages < most_pages:
                _read(client, run, gap, own, most_pages)
    except (errors.PermissionDenied, errors.Unimplemented) as error:
        raise Refused(error.code, NOT_ALLOWED, error.request_id or "") from error
    match_recent()


def _look_for_news() -> None:
    """A gap up to now, unless one is there: from a little before the newest entry, or from the log's beginning."""
    if not AuditLogGap.objects.filter(end=None).exists():
        newest = AuditLog.objects.newest_first().filter(at__lte=timezone.now()).values_list("at", flat=True).first()
        AuditLogGap.objects.create(start=newest - OVERLAP if newest else None)


def _read(client: OnaClient, run: SyncRun, gap: AuditLogGap, own: UUID | None, most_pages: int) -> None:
    ends = {"from": gap.start, "to": gap.end}
    wanted = {name: timestamp_text(moment) for name, moment in ends.items() if moment}
    oldest = gap.end
    for page in client.audit_log_pages(filter=wanted):
        rows = [_row(entry, entry.created_at, page.sent_at, own) for entry in page.items if entry.created_at]
        run.pages += 1
        run.listed += len(page.items)
        run.malformed += len(page.malformed) + len(page.items) - len(rows)
        is_last = not page.next_token
        with transaction.atomic():
            run.changed += _keep(rows)
            oldest = _narrow(gap, rows, oldest, is_last=is_last)
        if run.pages >= most_pages and not is_last:
            return


def _keep(rows: list[AuditLog]) -> int:
    """How many of these were new."""
    known = set(AuditLog.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    new = list({row.pk: row for row in rows if row.pk not in known}.values())
    AuditLog.objects.bulk_create(new)
    match(AuditLog.objects.filter(pk__in=[row.pk for row in new]))
    return len(new)


def _narrow(gap: AuditLogGap, rows: list[AuditLog], oldest: datetime | None, *, is_last: bool) -> datetime | None:
    """What of the gap is left after a page, and the oldest time read so far.

    A page that does not go on where the last one ended, newest first, narrows nothing: Ona promises no order.
    """
    if is_last:
        gap.delete()
        return oldest
    times = [row.at for row in rows]
    if not times or times != sorted(times, reverse=True) or (oldest and times[0] > oldest):
        return oldest
    gap.end = times[-1] + INSTANT  # others of the same instant may come on the next page
    gap.save()
    return times[-1]


def _row(entry: AuditEntry, at: datetime, kept_at: datetime, own: UUID | None) -> AuditLog:
    return AuditLog(
        id=entry.id,
        at=at,
        actor_id=entry.actor_id,
        actor_principal=_text(entry.actor_principal),
        subject_id=entry.subject_id,
        subject_type=_text(entry.subject_type),
        action=_text(entry.action),
        kind=_text(entry.kind),
        document=msgspec.json.decode(entry.storable),
        kept_at=kept_at,
        is_own=own is not None and entry.actor_id == own,
    )


def _text(text: str) -> str:
    """What Postgres can hold."""
    return text.replace("\0", "\ufffd")
