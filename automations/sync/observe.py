"""How services, tasks and executions get into their tables: list, merge, note transitions, find what is gone.

`observe` is the only way in, whoever asked Ona. It may be given the same documents again, late or in any order.
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
from .resource_types import Kind as Kind
from .resource_types import Seen as Seen

log = structlog.get_logger()
FILTER_IDS = 25  # the most environment ids one list takes
DROPPED_AT_ONCE = 500  # ended executions asked for in one run: what the vendor dropped is found in time
COMMAND = "sync_automations"


class Answers(NamedTuple):
    """What Ona answered when asked one by one at `at`: what it has, and the ids of what it has not."""

    at: datetime
    found: list[Seen]
    lost: list[UUID]


def observe(kind: Kind, seen: Iterable[Seen]) -> MergeResult:
    """Merge documents of one kind into their table and note transitions; replays and late answers change nothing."""
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


def _merge(kind: Kind, batch: Sequence[Seen]) -> MergeResult:
    """One transaction; nothing occurs twice in `batch`."""
    rows = [kind.row(each.document) | {"sent_at": each.sent_at, "seen_at": each.sent_at} for each in batch]
    ids = [row["id"] for row in rows]
    outcome = MergeResult()
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(kind.known, [ids])
        known = {found[0]: found[1:] for found in cursor.fetchall()}
        news = [row for row in rows if _is_news(kind, row, known.get(row["id"]))]
        if news:
            ((outcome.changed, outcome.transitions),) = merge_rows(kind.table, kind.merge, news)
        cursor.execute(kind.sight, [ids, [row["sent_at"] for row in rows]])
    return outcome


def _is_news(kind: Kind, row: Row, known: tuple[Any, ...] | None) -> bool:
    """Whether the row may bring anything; tells it, too, whether it was asked for later than what is known."""
    if known is None:
        row["later"] = True
        return True
    seen_at, gone_at, digest, *versions = known
    row["later"] = row["sent_at"] > seen_at
    return (
        (row["later"] and row["metadata_digest"] != digest)
        or any(row[name] > version for name, version in zip(kind.versions, versions, strict=True))
        or (gone_at is not None and row["sent_at"] > gone_at)
    )


def observe_page(kind: Kind, page: Page[Any]) -> MergeResult:
    """Merge a page; items that could not be read count as refused."""
    for malformed in page.malformed:
        log.warning("malformed document", kind=kind.name, id=malformed.id, error=malformed.error)
    outcome = observe(kind, [Seen(page.sent_at, document) for document in page.items])
    outcome.refused += len(page.malformed)
    return outcome


def look_at(client: OnaClient, kind: Kind, id_: UUID) -> None:
    """Bring one row up to date with Ona (GetService, GetTask, GetTaskExecution); raises OnaError.

    NotFound after it was marked gone.
    """
    asked_at = timezone.now()
    try:
        observe(kind, [Seen(asked_at, kind.get(client)(id_))])
    except errors.NotFound:
        mark_gone(kind, [id_], asked_at)
        raise


def ask_for(client: OnaClient, kind: Kind, ids: Sequence[UUID]) -> Answers:
    """Ask for each of `ids`, side by side."""
    asked_at = timezone.now()
    answers = fetch_all(kind.get(client), ids)
    found = [Seen(asked_at, answer) for answer in answers if answer is not None]
    return Answers(asked_at, found, [id_ for id_, answer in zip(ids, answers, strict=True) if answer is None])


def mark_gone(kind: Kind, ids: Sequence[UUID], at: datetime) -> int:
    """Mark gone what Ona did not find at `at`, unless it was seen later; how many were marked."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(kind.gone, {"ids": list(ids), "at": at})
        return int(cursor.fetchone()[0])


def sync_automations(
    client: OnaClient, progress: Progress = ignore_progress, *, everything: bool, accept_losses: bool = False
) -> SyncRun | None:
    """List services, tasks and executions of running environments, or of all (ListServices, ListTasks,
    ListTaskExecutions); None if such a run is under way."""
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
        _find_gone(client, run, kind, scope, accept_losses)
        if everything and kind.settled is not None:
            _find_dropped(client, run, kind)
    summaries.refresh()


def pages_of(client: OnaClient, kind: Kind, environment_ids: Sequence[UUID]) -> Iterator[Page[Any]]:
    """The pages of some environments, chunks of them side by side; of executions the newest only."""
    chunks = [environment_ids[start : start + FILTER_IDS] for start in range(0, len(environment_ids), FILTER_IDS)]

    def listed(chunk: Sequence[UUID]) -> list[Page[Any]]:
        return list(islice(kind.pages(client)(chunk), kind.pages_of_running))

    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        for pages in pool.map(listed, chunks):
            yield from pages


def _find_gone(client: OnaClient, run: SyncRun, kind: Kind, scope: AutomationQuerySet, accept_losses: bool) -> None:
    """Ask for what the listing did not show, ended executions apart; what is not found is gone."""
    unseen = scope.present().filter(seen_at__lt=run.started_at)
    if kind.settled is not None:
        unseen = unseen.exclude(kind.settled)
    missing = list(unseen.values_list("id", flat=True))
    if not accept_losses:
        reject_mass_deletion(len(missing), kind.objects.present().count(), kind.name, COMMAND)
    _ask(client, run, kind, missing)


def _find_dropped(client: OnaClient, run: SyncRun, kind: Kind) -> None:
    """Ask for ended executions that a full listing did not show, some at a time: Ona keeps them for a while only."""
    unseen = kind.objects.present().filter(kind.settled, seen_at__lt=run.started_at).order_by("seen_at", "id")
    _ask(client, run, kind, list(unseen.values_list("id", flat=True)[:DROPPED_AT_ONCE]))


def _ask(client: OnaClient, run: SyncRun, kind: Kind, missing: Sequence[UUID]) -> None:
    answers = ask_for(client, kind, missing)
    marked = mark_gone(kind, answers.lost, answers.at)
    run.missing += len(missing)
    run.gone += marked
    _count(run, observe(kind, answers.found))
    _count(run, MergeResult(marked, marked if kind.transitions else 0))


def _count(run: SyncRun, outcome: MergeResult) -> None:
    run.changed += outcome.changed
    run.transitions += outcome.transitions
    run.malformed += outcome.refused
