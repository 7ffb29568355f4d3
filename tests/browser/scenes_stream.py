"""Scenes of operations and Ona's audit log in one stream. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from environments.models import Environment, SyncRun
from environments.sync.audit_log import sync_audit_logs
from portal.directory.models import Member
from portal.ledger.audit_log_matching import match_recent
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.access import MEMBER
from portal.sandbox.server import Sandbox
from tests.support.audit_entries import entry, own

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

STREAM = "/operations/stream/"
MINUTE = timedelta(minutes=1)


def empty(scene: type[Scene]) -> Iterator[Scene]:
    """Before anything was read."""
    yield scene("stream-never-read", STREAM)


def stream(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """Operations, what is folded into them, what was done outside; narrowed; a token that may not read the log."""
    _read(sandbox, sandbox.token)
    _believable()
    yield scene("stream", f"{STREAM}?size=25")
    yield scene("stream-of-the-log", f"{STREAM}?source=ona&size=25&since=7d")
    yield scene("stream-narrowed", f"{STREAM}?what=environment&source=outside&since=7d&sort=at")
    yield scene("stream-nothing-matches", f"{STREAM}?who=nobody-is-called-like-this")
    yield scene("stream-not-understood", f"{STREAM}?source=mars&since=soon&page=zz")
    changed = Environment.objects.present().order_by("id")[0]
    yield scene("timeline-outside", f"/environments/{changed.pk}/timeline/?lane=outside&zoom=day")
    _read(sandbox, sandbox.token + MEMBER)
    yield scene("stream-refused", f"{STREAM}?size=25")
    yield scene("sync-refused", "/sync/")
    SyncRun.objects.filter(kind=SyncRun.Kind.AUDIT_LOGS, state=SyncRun.State.REFUSED).delete()


def _read(sandbox: Sandbox, token: str) -> None:
    with OnaClient(token, sandbox.base_url, requests_per_second=1000) as client:
        sync_audit_logs(client)


def _believable() -> None:
    """Deeds of an hour: by people, by a service account, by somebody named after a script, and the portal's own."""
    first, second = Environment.objects.present().order_by("id")[:2]
    person = Member.objects.present().order_by("id")[0]
    entry("stop environment", actor_id=person.pk, subject_id=first.pk, ago=3 * MINUTE)
    entry("update environment: spec.timeout", actor_id=person.pk, subject_id=second.pk, ago=7 * MINUTE)
    entry("<script>alert(1)</script>", actor_principal="PRINCIPAL_SERVICE_ACCOUNT", subject_id=first.pk, ago=9 * MINUTE)
    own("create environment logs token", subject_id=first.pk, kind="AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS")
    lately = Operation.objects.filter(asked_at__gte=timezone.now() - 55 * MINUTE, target_type="environment")
    for operation in lately.exclude(outcome=Outcome.FAILED).filter(sent_at__isnull=False):
        own("", subject_id=operation.target_id, at=operation.sent_at)
    match_recent()
