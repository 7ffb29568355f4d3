"""The number beside Operations in the navigation: one's own batches that are in progress, or failed lately."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from automations.batches.list import BATCHES, SEE, TO_DO_AGAIN, may
from automations.batches.registry import KINDS
from automations.models import Batch
from portal.ledger.models import Operation, Outcome
from portal.web.navigation import Badge

NEWEST = timedelta(days=7)
FAILED_FOR = timedelta(days=1)
NEWS = f"{BATCHES.page_url}/badge"  # as of the list, but a topic of its own: each remembers what it has seen


def badge(request: HttpRequest) -> Badge | None:
    """One query, for those who may begin any batch. What was only skipped, or tried again, does not count as failed."""
    user, now = request.user, timezone.now()
    if not user.has_perms(SEE) or not any(may(user, kind) for kind in KINDS.values()):
        return None
    retried = Batch.objects.filter(again_of=OuterRef("pk"))
    newest = Batch.objects.filter(asked_at__gt=now - NEWEST).exclude(Exists(retried))
    failed = Q(outcome=Outcome.FAILED, closed_at__gt=now - FAILED_FOR, after__results__has_any_keys=TO_DO_AGAIN)
    own = Operation.objects.filter(Q(closed_at=None) | failed, pk__in=newest.values("pk"), actor_id=user.pk)
    ends = list(own.values_list("closed_at", flat=True))
    running, url = ends.count(None), reverse("automations:batches")
    if running == len(ends):
        return Badge(running, f"of your batches {_are(running)} in progress", url, "blue", NEWS) if running else None
    count = len(ends) - running
    more = f"; {running} {_are(running)} in progress" if running else ""
    return Badge(count, f"of your batches {'has' if count == 1 else 'have'} failed items{more}", url, "red", NEWS)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
