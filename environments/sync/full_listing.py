"""Sync run: one full listing of the organization's environments, and which of them were deleted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

import structlog
from django.db import connection
from django.utils import timezone

from environments.models import Environment, Sighting, SyncRun
from portal.ona import OnaClient
from portal.ona.documents.environments import Observation

from . import parallel_listing
from .job import Progress, fetch_all, ignore_progress, record_run, reject_mass_deletion
from .observe import mark_deleted, observe

log = structlog.get_logger()
BATCH = 1000  # documents merged in one transaction: some 2 MB
CREATION_TIMES = """
    SELECT percentile_disc(%s::float[]) WITHIN GROUP (ORDER BY created_at)
    FROM environments_environment WHERE gone_at IS NULL
"""


def sync_environments(
    client: OnaClient, progress: Progress = ignore_progress, *, accept_losses: bool = False
) -> SyncRun | None:
    """List all environments and mark missing ones as deleted; None if a listing is in progress.

    A run that fails records why and marks nothing as deleted. RPCs: EnvironmentService.ListEnvironments,
    GetEnvironment.
    """
    return record_run(SyncRun.Kind.ENVIRONMENTS, client, lambda run: _list_all(client, run, progress, accept_losses))


def _list_all(client: OnaClient, run: SyncRun, progress: Progress, accept_losses: bool) -> None:
    pages = parallel_listing.environments(client, creation_times())
    _observe_pages(run, pages, progress)
    _mark_missing(client, run, accept_losses)
    if pages.sliced and pages.total is not None and _seen_since(run.started_at) + run.gone < pages.total:
        # The slices missed some, because Ona's order was not newest first. Reading page after page misses none.
        _observe_pages(run, parallel_listing.environments(client, concurrency=1), progress)
        _mark_missing(client, run, accept_losses)


def _observe_pages(run: SyncRun, pages: parallel_listing.Listing, progress: Progress) -> None:
    waiting: list[Observation] = []
    with closing(iter(pages)) as arriving:
        for page in arriving:
            run.pages += 1
            run.malformed += len(page.malformed)
            for malformed in page.malformed:
                log.warning("malformed document", environment_id=malformed.id, error=malformed.error)
            waiting += [Observation(page.sent_at, document) for document in page.items]
            if len(waiting) >= BATCH:
                _observe_batch(run, waiting)
                progress(run.listed, pages.total)
                waiting = []
    _observe_batch(run, waiting)
    progress(run.listed, pages.total)


def _observe_batch(run: SyncRun, observations: Sequence[Observation]) -> None:
    outcome = observe(observations)
    run.listed += len(observations)
    run.changed += outcome.changed
    run.transitions += outcome.transitions
    run.malformed += outcome.refused


def _seen_since(at: datetime) -> int:
    return Sighting.objects.filter(seen_at__gte=at).count()


def _mark_missing(client: OnaClient, run: SyncRun, accept_losses: bool) -> None:
    """Fetch each environment that the listing lacks; mark those not found as deleted."""
    present = Environment.objects.present()
    missing = list(present.filter(sighting__seen_at__lt=run.started_at).values_list("id", flat=True))
    run.missing = len(missing)
    if not accept_losses:
        reject_mass_deletion(len(missing), present.count(), "environments", "sync_environments")
    requested_at = timezone.now()
    answers = fetch_all(client.get_environment, missing)
    _observe_batch(run, [answer for answer in answers if answer])
    deleted = [id_ for id_, answer in zip(missing, answers, strict=True) if answer is None]
    marked = mark_deleted(deleted, requested_at)
    run.gone += marked
    run.changed += marked
    run.transitions += marked


def creation_times(count: int = 256) -> list[datetime]:
    """Creation times that divide the recorded environments into equal slices for the parallel listing."""
    fractions = [n / count for n in range(count + 1)]
    with connection.cursor() as cursor:
        cursor.execute(CREATION_TIMES, [fractions])
        return cursor.fetchone()[0] or []
