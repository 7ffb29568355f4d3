"""Sync run of automations: list services, tasks and executions, merge them, and mark missing ones as deleted.

`observe` is the only entrance, whoever requested the documents. It accepts the same documents again, late, and in any
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, connection, transaction
from django.utils import timezone

from automations.models import AutomationQuerySet
from automations.sync import summaries
from environments.models import Environment, SyncRun
from environments.sync.job import Progress, fetch_all, ignore_progress, record_run, reject_mass_deletion
from environments.sync.observe import MergeResult
from environments.sync.upsert import Row, lock_merging, merge_rows, without_repeats
from portal.ona import OnaClient, errors
from portal.ona.documents.pages import Page

from .resource_types import EXECUTION_KIND as EXECUTION_KIND
from .resource_types import KINDS as KINDS
from .resource_types import SERVICE_KIND as SERVICE_KIND
from .resource_types import TASK_KIND as TASK_KIND
from .resource_types import AutomationObservation as AutomationObservation
from .resource_types import Kind as Kind

log = structlog.get_logger()
FILTER_IDS = 25  # maximum environment ids per list request
DROPPED_AT_ONCE = 500  # ended executions fetched per run, to find those that Ona no longer stores
COMMAND = "sync_automations"


class Answers(NamedTuple):
    """The answers to individual requests sent at `at`: what Ona has, and the ids that it did not find."""

    at: datetime
    observations: list[AutomationObservation]
    lost: list[UUID]


def observe(kind: Kind, seen: Iterable[AutomationObservation]) -> MergeResult:
    """Merge documents of one kind into their table and record transitions; replays and late answers change nothing."""
    outcome = MergeResult()
    for batch in without_repeats(seen, key=lambda each: each.document.id):
        try:
            outcome.add(_merge(kind, batch))
        except DataError as error:
            if len(batch) == 1:
                log.warning("document refused", kind=kind.name, id=str(batch[0].document.id), error=str(error))
                outcome.refused += 1
            for each in batch if len(batch) > 1 else ():
                outcome.add(observe(kind, [each]))
    return outcome


def _merge(kind: Kind, batch: Sequence[AutomationObservation]) -> MergeResult:
    """Merge in one transaction; nothing may occur twice in `batch`."""
    rows = [kind.row(each.document) | {"sent_at": each.sent_at, "seen_at": each.sent_at} for each in batch]
    ids = [row["id"] for row in rows]
    outcome = MergeResult()
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(kind.recorded, [ids])
        recorded = {row_id: values for row_id, *values in cursor.fetchall()}
        news = [row for row in rows if _is_news(kind, row, recorded.get(row["id"]))]
        if news:
            ((outcome.changed, outcome.transitions),) = merge_rows(kind.table, kind.merge, news)
        cursor.execute(kind.sight, [ids, [row["sent_at"] for row in rows]])
    return outcome


def _is_news(kind: Kind, row: Row, recorded: Sequence[Any] | None) -> bool:
    """Whether the row may change anything; sets `later`: requested after the row was last seen."""
    if recorded is None:
        row["later"] = True
        return True
    seen_at, gone_at, digest, *versions = recorded
    row["later"] = row["sent_at"] > seen_at
    return (
        (row["later"] and row["metadata_digest"] != digest)
        or any(row[name] > version for name, version in zip(kind.versions, versions, strict=True))
        or (gone_at is not None and row["sent_at"] > gone_at)
    )


def observe_page(kind: Kind, page: Page[Any]) -> MergeResult:
    """Merge a page; unreadable items count as refused."""
    for malformed in page.malformed:
        log.warning("malformed document", kind=kind.name, id=malformed.id, error=malformed.error)
    outcome = observe(kind, [AutomationObservation(page.sent_at, document) for document in page.items])
    outcome.refused += len(page.malformed)
    return outcome


def fetch_one(client: OnaClient, kind: Kind, id_: UUID) -> None:
    """Read one row from Ona (GetService, GetTask, GetTaskExecution); raises OnaError.

    NotFound is raised after the row was marked as deleted.
    """
    requested_at = timezone.now()
    try:
        observe(kind, [AutomationObservation(requested_at, kind.get(client)(id_))])
    except errors.NotFound:
        mark_deleted(kind, [id_], requested_at)
        raise


def fetch_each(client: OnaClient, kind: Kind, ids: Sequence[UUID]) -> Answers:
    """Fetch each of `ids` in parallel."""
    requested_at = timezone.now()
    answers = fetch_all(kind.get(client), ids)
    observations = [AutomationObservation(requested_at, answer) for answer in answers if answer is not None]
    return Answers(
        requested_at, observations, [id_ for id_, answer in zip(ids, answers, strict=True) if answer is None]
    )


def mark_deleted(kind: Kind, ids: Sequence[UUID], at: datetime) -> int:
    """Mark as deleted what Ona did not find at `at`, unless seen later; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(kind.gone, {"ids": list(ids), "at": at})
        return int(cursor.fetchone()[0])


def sync_automations(
    client: OnaClient, progress: Progress = ignore_progress, *, everything: bool, accept_losses: bool = False
) -> SyncRun | None:
    """List services, tasks and executions of running environments, or of all; None if such a run is in progress.

    RPCs: ListServices, ListTasks, ListTaskExecutions.
    """
    kind = SyncRun.Kind.ALL_AUTOMATIONS if everything else SyncRun.Kind.AUTOMATIONS
    return record_run(kind, client, lambda run: _sync(client, run, progress, everything, accept_losses))


def _sync(client: OnaClient, run: SyncRun, progress: Progress, everything: bool, accept_losses: bool) -> None:
    running = [] if everything else list(Environment.objects.running().values_list("id", flat=True))
    for kind in KINDS:
        for page in kind.pages(client)() if everything else pages_of(client, kind, running):
            run.pages += 1
            run.listed += len(page.items)
            _count(run, observe_page(kind, page))
            progress(run.listed, None)
        scope = kind.objects.all() if everything else kind.objects.filter(environment__in=running)
        _mark_missing(client, run, kind, scope, accept_losses)
        if everything and kind.settled is not None:
            _mark_dropped(client, run, kind)
    summaries.refresh()


def pages_of(client: OnaClient, kind: Kind, environment_ids: Sequence[UUID]) -> Iterator[Page[Any]]:
    """The pages of some environments, in parallel chunks; of executions the newest only."""
    chunks = [environment_ids[start : start + FILTER_IDS] for start in range(0, len(environment_ids), FILTER_IDS)]

    def listed(chunk: Sequence[UUID]) -> list[Page[Any]]:
        return list(islice(kind.pages(client)(chunk), kind.pages_of_running))

    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        for pages in pool.map(listed, chunks):
            yield from pages


def _mark_missing(client: OnaClient, run: SyncRun, kind: Kind, scope: AutomationQuerySet, accept_losses: bool) -> None:
    """Fetch what the listing lacks, except ended executions; mark those not found as deleted."""
    unseen = scope.present().filter(seen_at__lt=run.started_at)
    if kind.settled is not None:
        unseen = unseen.exclude(kind.settled)
    missing = list(unseen.values_list("id", flat=True))
    if not accept_losses:
        reject_mass_deletion(len(missing), kind.objects.present().count(), kind.name, COMMAND)
    _fetch_missing(client, run, kind, missing)


def _mark_dropped(client: OnaClient, run: SyncRun, kind: Kind) -> None:
    """Fetch some ended executions that a full listing lacks: Ona stores them for a limited time."""
    unseen = kind.objects.present().filter(kind.settled, seen_at__lt=run.started_at).order_by("seen_at", "id")
    _fetch_missing(client, run, kind, list(unseen.values_list("id", flat=True)[:DROPPED_AT_ONCE]))


def _fetch_missing(client: OnaClient, run: SyncRun, kind: Kind, missing: Sequence[UUID]) -> None:
    answers = fetch_each(client, kind, missing)
    marked = mark_deleted(kind, answers.lost, answers.at)
    run.missing += len(missing)
    run.gone += marked
    _count(run, observe(kind, answers.observations))
    _count(run, MergeResult(marked, marked if kind.transitions else 0))


def _count(run: SyncRun, outcome: MergeResult) -> None:
    run.changed += outcome.changed
    run.transitions += outcome.transitions
    run.malformed += outcome.refused
