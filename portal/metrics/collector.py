"""The collector: the sync, calls to Ona, the queue, environments, executions, operations, the ledger, the token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Sum
from django.utils import timezone
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from automations.models import TaskExecution
from automations.models.automation import SETTLED, UNDER_WAY, ExecutionPhase
from environments.models import Phase, SyncRun
from environments.models.flags import FLAGS
from environments.models.overview import Snapshot
from environments.sync.freshness import GRACE, event_stream, freshness
from portal.directory.models import Project
from portal.directory.own_token import own_token
from portal.ledger.chain.kept_verifications import chain_state
from portal.ledger.models import Operation, Outcome
from portal.metrics import broker
from portal.metrics.families import counter, gauge, histogram, single
from portal.metrics.sync_runs import BOUNDS, SyncRunCounts

MAX_PROJECTS = 50  # with the most running environments; the others are one sample


class PortalCollector(Collector):
    """What the portal has recorded, read for each scrape in some fifteen queries, however large the organization is."""

    def __init__(self) -> None:
        self._runs = SyncRunCounts()

    def collect(self) -> Iterator[Metric]:
        yield from _freshness()
        yield from _events()
        means = "Runs of the sync and how long they took, by kind and result."
        yield histogram("sync_run_seconds", means, ("kind", "result"), BOUNDS, self._runs.read())
        yield from broker.calls()
        yield from broker.queue()
        yield from _environments()
        yield from _executions()
        yield from _operations()
        yield from _ledger()
        yield from _token()


def _freshness() -> Iterator[Metric]:
    kinds = freshness()
    read = {(each.kind,): each.as_of.timestamp() for each in kinds if each.as_of}
    means = "When the last successful sync of a kind began."
    yield gauge("sync_last_success_timestamp_seconds", means, ("kind",), read)
    planned = {(each.kind,): each.interval.total_seconds() for each in kinds}
    yield gauge("sync_interval_seconds", "How often a kind is meant to be synced.", ("kind",), planned)


def _events() -> Iterator[Metric]:
    means = "Whether changes are learned from Ona's event stream: 1 if it is connected and everything was listed since."
    yield single("event_stream_live", means, float(event_stream().is_live))
    totals = SyncRun.objects.filter(kind=SyncRun.Kind.EVENTS).aggregate(Count("pk"), Sum("listed"), Sum("requests"))
    means = "Connections to the event stream, and failed attempts once each time."
    yield counter("event_stream_connections", means, (), {(): float(totals["pk__count"])})
    yield counter("events", "Events of the stream.", (), {(): float(totals["listed__sum"] or 0)})
    means = "Resources that were read because events hinted at them."
    yield counter("event_reads", means, (), {(): float(totals["requests__sum"] or 0)})


def _environments() -> Iterator[Metric]:
    """As the last full listing counted them; nothing while two are overdue."""
    (listing,) = freshness(SyncRun.Kind.ENVIRONMENTS)
    counts = _newest_counts(timezone.now() - 2 * listing.interval - GRACE)
    phases, conditions = counts.get(Snapshot.Dimension.PHASE), counts.get(Snapshot.Dimension.CONDITION)
    by_phase = {} if phases is None else _by_phase(phases)
    yield gauge("environments", "Environments that are not deleted, by phase.", ("phase",), by_phase)
    flagged = {} if conditions is None else {(flag,): float(conditions.get(flag, 0)) for flag in FLAGS}
    yield gauge("environments_flagged", "Environments with a flag; one can have several.", ("flag",), flagged)
    means = f"Running environments of the {MAX_PROJECTS} projects with the most, and of all others."
    running = _by_project(counts.get(Snapshot.Dimension.PROJECT, {}))
    yield gauge("environments_running", means, ("project_id", "project"), running)


def _newest_counts(since: datetime) -> dict[str, dict[str, int]]:
    rows = Snapshot.objects.filter(at__gte=since).order_by("dimension", "-hour").distinct("dimension")
    return {row.dimension: row.counts for row in rows}


def _by_phase(counts: dict[str, int]) -> dict[tuple[str], float]:
    """Phases that the portal does not know are one sample, so that Ona's texts make no series."""
    known = {(phase.label,): float(counts.get(phase, 0)) for phase in Phase}
    return known | {("other",): float(sum(counts.values())) - sum(known.values())}


def _by_project(running: dict[str, int]) -> dict[tuple[str, str], float]:
    largest = sorted(running, key=lambda project: (-running[project], project))
    shown, others = largest[:MAX_PROJECTS], largest[MAX_PROJECTS:]
    named = Project.objects.filter(pk__in=[project for project in shown if project])
    names = {str(pk): name for pk, name in named.values_list("pk", "name")}
    found = {(project, names.get(project, "") if project else "none"): float(running[project]) for project in shown}
    if others:
        found["", "others"] = float(sum(running[project] for project in others))
    return found


def _executions() -> Iterator[Metric]:
    grouped = TaskExecution.objects.order_by().values_list("phase").annotate(Count("pk"))
    counts = dict(grouped)
    ended = {(ExecutionPhase(phase).label,): float(counts.get(phase, 0)) for phase in SETTLED}
    yield counter("executions", "Executions of tasks that ended, by outcome.", ("outcome",), ended)
    going_on = {(ExecutionPhase(phase).label,): float(counts.get(phase, 0)) for phase in UNDER_WAY}
    yield gauge("executions_in_progress", "Executions of tasks that have not ended.", ("phase",), going_on)


def _operations() -> Iterator[Metric]:
    grouped = Operation.objects.exclude(closed_at=None).order_by().values_list("action", "outcome")
    closed = {(action, outcome): float(count) for action, outcome, count in grouped.annotate(Count("pk"))}
    means = "Operations that are closed, by action and outcome."
    yield counter("operations", means, ("action", "outcome"), closed)
    waiting = Operation.objects.open().order_by().values_list("outcome").annotate(Count("pk"), Min("asked_at"))
    opened = {outcome: (count, oldest) for outcome, count, oldest in waiting}
    means = "Operations that are not closed: pending, or unknown and being reconciled."
    counts = {(str(outcome),): float(opened.get(outcome, (0,))[0]) for outcome in (Outcome.PENDING, Outcome.UNKNOWN)}
    yield gauge("operations_open", means, ("outcome",), counts)
    means = "When the oldest operation that is not closed was requested; absent if there is none."
    oldest = min((oldest for _, oldest in opened.values()), default=None)
    yield single("operations_oldest_open_timestamp_seconds", means, oldest.timestamp() if oldest else None)


def _ledger() -> Iterator[Metric]:
    state = chain_state()
    verified, holds = state.latest, None
    if verified:
        holds = float(verified.holds and state.has_kept_head and not state.is_forged)
    means = "Whether the last verification of the ledger's chain found nothing, and its head is in the chain still."
    yield single("ledger_chain_holds", means, holds)
    means = "When the ledger's chain was last verified."
    yield single(
        "ledger_chain_verified_timestamp_seconds", means, verified.finished_at.timestamp() if verified else None
    )
    yield counter(
        "ledger_entries", "Entries of the ledger's chain.", (), {(): float((state.head and state.head.sequence) or 0)}
    )


def _token() -> Iterator[Metric]:
    token = own_token()
    yield single("ona_token_days_left", "Days until the portal's own token expires.", token.days_left)
    means = "Whether the portal's own token may only read; absent if Ona does not say."
    is_read_only = token.stored.is_read_only if token.stored else None
    yield single("ona_token_read_only", means, None if is_read_only is None else float(is_read_only))
