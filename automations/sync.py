"""How services, tasks and executions get into their tables: list, merge, find what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from environments.merge import Row, Table, lock_observing, merge_rows, rounds
from environments.models import Environment, SyncRun
from environments.runs import Progress, ask_all, no_progress, record, refuse_losses
from environments.sync import Outcome
from portal.ona import OnaClient, errors
from portal.ona.documents.pages import Page

from .columns import EXECUTIONS, SERVICES, TASKS, execution_row, service_row, task_row
from .models import SETTLED, AutomationQuerySet, Service, Task, TaskExecution

log = structlog.get_logger()
FILTER_IDS = 25  # the most environment ids one list takes


class Seen(NamedTuple):
    """A service, task or execution and the time its request was sent."""

    sent_at: datetime
    document: Any


@dataclass(frozen=True)
class Kind:
    """What differs between services, tasks and executions."""

    name: str
    objects: AutomationQuerySet
    table: Table
    row: Callable[[Any], Row]
    pages: Callable[[OnaClient], Callable[..., Iterator[Page[Any]]]]
    get: Callable[[OnaClient], Callable[[UUID], Any]]
    versions: tuple[str, ...] = ()
    # What may be missing from a listing without being asked for: executions that ended are history.
    settled: Q | None = None
    pages_of_running: int | None = None

    @property
    def known(self) -> str:
        columns = ", ".join(("id", "seen_at", "gone_at", "metadata_digest", *self.versions))
        return f"SELECT {columns} FROM {self.table.name} WHERE id = ANY(%s)"  # noqa: S608 (names of this module)

    @property
    def sight(self) -> str:
        return f"""
            UPDATE {self.table.name} t SET seen_at = i.sent_at
            FROM unnest(%s::uuid[], %s::timestamptz[]) i(id, sent_at) WHERE i.id = t.id AND i.sent_at > t.seen_at
        """  # noqa: S608 (names of this module)


SERVICE_KIND = Kind(
    "services", Service.objects, SERVICES, service_row,  # type: ignore[arg-type]
    lambda client: client.service_pages, lambda client: client.get_service,
    versions=("spec_version", "status_version"),
)  # fmt: skip
TASK_KIND = Kind(
    "tasks", Task.objects, TASKS, task_row,  # type: ignore[arg-type]
    lambda client: client.task_pages, lambda client: client.get_task,
)  # fmt: skip
EXECUTION_KIND = Kind(
    "executions", TaskExecution.objects, EXECUTIONS, execution_row,  # type: ignore[arg-type]
    lambda client: client.execution_pages, lambda client: client.get_task_execution,
    versions=("status_version",), settled=Q(phase__in=SETTLED), pages_of_running=1,
)  # fmt: skip
KINDS = (SERVICE_KIND, TASK_KIND, EXECUTION_KIND)


def observe(kind: Kind, seen: Iterable[Seen]) -> Outcome:
    """Merge documents of one kind into their table; replays and late answers change nothing."""
    outcome = Outcome()
    for batch in rounds(seen, key=lambda each: each.document.id):
        try:
            outcome.changed += _merge(kind, batch)
        except DataError as error:
            if len(batch) == 1:
                log.warning("document refused", kind=kind.name, id=str(batch[0].document.id), error=str(error))
                outcome.refused += 1
            for each in batch if len(batch) > 1 else ():
                outcome.add(observe(kind, [each]))
    return outcome


def _merge(kind: Kind, batch: Sequence[Seen]) -> int:
    """One transaction; nothing occurs twice in `batch`. How many rows changed."""
    rows = [kind.row(each.document) | {"sent_at": each.sent_at, "seen_at": each.sent_at} for each in batch]
    ids = [row["id"] for row in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        lock_observing()
        cursor.execute(kind.known, [ids])
        known = {found[0]: found[1:] for found in cursor.fetchall()}
        news = [row for row in rows if _is_news(kind, row, known.get(row["id"]))]
        changed = len(merge_rows(kind.table, kind.table.merge("1"), news)) if news else 0
        cursor.execute(kind.sight, [ids, [row["sent_at"] for row in rows]])
    return changed


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


def mark_gone(kind: Kind, ids: Sequence[UUID], at: datetime) -> int:
    """Mark gone what Ona did not find at `at`, unless it was seen later; how many were marked."""
    unseen = kind.objects.present().filter(id__in=ids, seen_at__lt=at)
    return unseen.update(gone_at=at, changed_at=timezone.now())


def sync_automations(client: OnaClient, progress: Progress = no_progress, *, everything: bool) -> SyncRun | None:
    """List services, tasks and executions of running environments, or of all (ListServices, ListTasks,
    ListTaskExecutions); None if such a run is under way."""
    kind = SyncRun.Kind.ALL_AUTOMATIONS if everything else SyncRun.Kind.AUTOMATIONS
    return record(kind, client, lambda run: _sync(client, run, progress, everything))


def _sync(client: OnaClient, run: SyncRun, progress: Progress, everything: bool) -> None:
    running = [] if everything else list(Environment.objects.running().values_list("id", flat=True))
    for kind in KINDS:
        for page in _list_all(client, kind) if everything else _list_of(client, kind, running):
            _observe_page(run, kind, page)
            progress(run.listed, None)
        _find_gone(client, run, kind, kind.objects if everything else kind.objects.filter(environment__in=running))


def _list_all(client: OnaClient, kind: Kind) -> Iterator[Page[Any]]:
    return kind.pages(client)()


def _list_of(client: OnaClient, kind: Kind, environment_ids: Sequence[UUID]) -> Iterator[Page[Any]]:
    """The pages of some environments, chunks of them side by side; of executions the newest only."""
    chunks = [environment_ids[start : start + FILTER_IDS] for start in range(0, len(environment_ids), FILTER_IDS)]

    def listed(chunk: Sequence[UUID]) -> list[Page[Any]]:
        return list(islice(kind.pages(client)(chunk), kind.pages_of_running))

    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        for pages in pool.map(listed, chunks):
            yield from pages


def _observe_page(run: SyncRun, kind: Kind, page: Page[Any]) -> None:
    for malformed in page.malformed:
        log.warning("malformed document", kind=kind.name, id=malformed.id, error=malformed.error)
    outcome = observe(kind, [Seen(page.sent_at, document) for document in page.items])
    run.pages += 1
    run.listed += len(page.items)
    run.changed += outcome.changed
    run.malformed += len(page.malformed) + outcome.refused


def _find_gone(client: OnaClient, run: SyncRun, kind: Kind, scope: AutomationQuerySet) -> None:
    """Ask for what the listing did not show: ended executions apart, what is not found is gone."""
    unseen = scope.present().filter(seen_at__lt=run.started_at)
    if kind.settled is not None:
        unseen = unseen.exclude(kind.settled)
    missing = list(unseen.values_list("id", flat=True))
    refuse_losses(len(missing), kind.objects.present().count(), kind.name)
    asked_at = timezone.now()
    answers = ask_all(kind.get(client), missing)
    run.missing += len(missing)
    run.changed += observe(kind, [Seen(asked_at, answer) for answer in answers if answer]).changed
    gone = [id_ for id_, answer in zip(missing, answers, strict=True) if answer is None]
    run.gone += mark_gone(kind, gone, asked_at)
