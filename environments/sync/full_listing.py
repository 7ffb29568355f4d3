"""Sync run: one full listing of the organization's environments."""

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
from .job import Progress, ask_all, no_progress, record, refuse_losses
from .observe import mark_gone, observe

log = structlog.get_logger()
BATCH = 1000  # documents merged in one transaction: some 2 MB
CREATION_TIMES = """
    SELECT percentile_disc(%s::float[]) WITHIN GROUP (ORDER BY created_at)
    FROM environments_environment WHERE gone_at IS NULL
"""


def sweep(client: OnaClient, progress: Progress = no_progress, *, accept_losses: bool = False) -> SyncRun | None:
    """List every environment (EnvironmentService.ListEnvironments) and find what is gone; None if one is under way.

    A sweep that fails says so in its run and changes no "gone" state.
    """
    return record(SyncRun.Kind.ENVIRONMENTS, client, lambda run: _sweep(client, run, progress, accept_losses))


def _sweep(client: OnaClient, run: SyncRun, progress: Progress, accept_losses: bool) -> None:
    pages = parallel_listing.environments(client, creation_times())
    _observe_pages(run, pages, progress)
    _find_gone(client, run, accept_losses)
    if pages.sliced and pages.total is not None and _seen_since(run.started_at) + run.gone < pages.total:
        # Slices that missed something: an order other than newest first. One page after another misses nothing.
        _observe_pages(run, parallel_listing.environments(client, concurrency=1), progress)
        _find_gone(client, run, accept_losses)


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


def _seen_since(moment: datetime) -> int:
    return Sighting.objects.filter(seen_at__gte=moment).count()


def _find_gone(client: OnaClient, run: SyncRun, accept_losses: bool) -> None:
    """Ask for each environment the listing did not show; those not found are gone."""
    present = Environment.objects.present()
    missing = list(present.filter(sighting__seen_at__lt=run.started_at).values_list("id", flat=True))
    run.missing = len(missing)
    if not accept_losses:
        refuse_losses(len(missing), present.count(), "environments", "sync_environments")
    asked_at = timezone.now()
    answers = ask_all(client.get_environment, missing)
    _observe_batch(run, [answer for answer in answers if answer])
    gone = [id_ for id_, answer in zip(missing, answers, strict=True) if answer is None]
    marked = mark_gone(gone, asked_at)
    run.gone += marked
    run.changed += marked
    run.transitions += marked


def creation_times(count: int = 256) -> list[datetime]:
    """Creation times that cut the environments known so far into equally many, for the listing's slices."""
    fractions = [n / count for n in range(count + 1)]
    with connection.cursor() as cursor:
        cursor.execute(CREATION_TIMES, [fractions])
        return cursor.fetchone()[0] or []
