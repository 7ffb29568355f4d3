"""Poll what is in progress in environments: often while somebody watches, else rarely."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from automations.models import UNDER_WAY, AutomationQuerySet, Service, ServicePhase, TaskExecution
from automations.sync.observe import (
    COMMAND,
    KINDS,
    fetch_each,
    fetch_one,
    mark_deleted,
    observe,
    observe_page,
    pages_of,
)
from automations.sync.resource_types import EXECUTION_KIND, SERVICE_KIND, Kind
from environments.detail.live_refresh import take_turn
from environments.models import Environment, SyncRun
from environments.sync.freshness import event_stream
from environments.sync.job import SyncError, exclusive_lock, reject_mass_deletion
from portal.directory.connection import ona, ona_now
from portal.ledger.models import Operation
from portal.ona import OnaClient, OnaError
from portal.ona.documents.pages import Page

log = structlog.get_logger()
MOVING = (ServicePhase.STARTING, ServicePhase.STOPPING)
RECENT = timedelta(minutes=1)  # a requested change is polled this long, even if nothing shows yet
MAX_INDIVIDUAL = 100  # individually, those not seen for the longest time first
PAGES = 10  # of executions in progress: the newest thousand
ENVIRONMENTS = 200  # environments whose services are read at once, in lists of 25


def follow_execution(execution: TaskExecution) -> None:
    """Read an execution (GetTaskExecution) unless it has ended; at most every two seconds for all viewers.

    Updates `execution`. If Ona cannot be read, it stays as of its last observation.
    """
    is_over = execution.gone_at is not None or execution.phase not in UNDER_WAY
    if is_over or not take_turn(f"following-{execution.pk}"):
        return
    try:
        fetch_one(ona_now(), EXECUTION_KIND, execution.pk)
    except (OnaError, ValueError) as error:
        log.info("following failed", execution_id=str(execution.pk), error=str(error))
    execution.refresh_from_db()


def follow_environment(environment: Environment) -> None:
    """Read what is in progress in an environment (ListTaskExecutions, ListServices).

    At most every two seconds for all viewers; only if something is in progress or was requested in the last minute. If
    Ona cannot be read, the rows stay as of their last observation.
    """
    executions = TaskExecution.objects.of(environment).filter(phase__in=UNDER_WAY)
    services = Service.objects.of(environment).filter(phase__in=MOVING)
    lately = Operation.objects.of_environment(environment.pk).filter(asked_at__gt=timezone.now() - RECENT)
    is_requested = environment.gone_at is None and lately.exists()
    kinds = [
        kind for kind, rows in ((EXECUTION_KIND, executions), (SERVICE_KIND, services)) if is_requested or rows.exists()
    ]
    if not kinds or not take_turn(f"following-{environment.pk}"):
        return
    try:
        client, ids = ona_now(), [environment.pk]
        if EXECUTION_KIND in kinds:
            catch_up(EXECUTION_KIND, client, islice(client.execution_pages(ids, UNDER_WAY), PAGES), executions)
        if SERVICE_KIND in kinds:
            catch_up(SERVICE_KIND, client, pages_of(client, SERVICE_KIND, ids), services)
    except (OnaError, SyncError, ValueError) as error:
        log.info("following failed", environment_id=str(environment.pk), error=str(error))


def read_environment(client: OnaClient, environment_id: UUID) -> None:
    """Read services, tasks and executions of an environment (ListServices, ListTasks, ListTaskExecutions)."""
    for kind in KINDS:
        known = kind.objects.present().filter(environment=environment_id)
        known = known.exclude(kind.settled) if kind.settled is not None else known
        catch_up(kind, client, pages_of(client, kind, [environment_id]), known)


def is_due() -> bool:
    """Whether `follow_all` is to run now: while events tell of changes, as much more rarely as syncs."""
    if not event_stream().is_live:
        return True
    seconds = settings.FOLLOW_SECONDS * settings.WATCHED_SWEEP_SECONDS / settings.SWEEP_SECONDS
    with suppress(RedisError):
        return cache.add("followed-all", True, seconds - settings.FOLLOW_SECONDS / 2)
    return True


def follow_all() -> bool:
    """Read what is in progress anywhere; False if another process is doing so. One request if there is nothing.

    A failure is logged and, once, recorded as a failed run of the sync, so that `/sync/` shows it.
    """
    with exclusive_lock("following") as is_ours:
        if not is_ours:
            return False
        try:
            _follow_all(ona())
        except (OnaError, SyncError, ValueError) as error:
            log.warning("following failed", error=str(error))
            _record_failure(error)
    return True


def _follow_all(client: OnaClient) -> None:
    executions = TaskExecution.objects.present().filter(phase__in=UNDER_WAY)
    catch_up(EXECUTION_KIND, client, islice(client.execution_pages((), UNDER_WAY), PAGES), executions)
    services = Service.objects.present().filter(phase__in=MOVING)
    environments = list(dict.fromkeys(services.order_by("seen_at").values_list("environment_id", flat=True)))
    catch_up(SERVICE_KIND, client, pages_of(client, SERVICE_KIND, environments[:ENVIRONMENTS]), services)


def catch_up(kind: Kind, client: OnaClient, pages: Iterable[Page[Any]], known: AutomationQuerySet) -> None:
    """Merge `pages`, then fetch what of `known` was in progress but not on them: it has ended or was deleted."""
    began = timezone.now()
    for page in pages:
        observe_page(kind, page)
    unseen = known.filter(seen_at__lt=began).order_by("seen_at").values_list("id", flat=True)
    answers = fetch_each(client, kind, list(unseen[:MAX_INDIVIDUAL]))
    observe(kind, answers.observations)
    if answers.lost:
        reject_mass_deletion(len(answers.lost), kind.objects.present().count(), kind.name, COMMAND)
        mark_deleted(kind, answers.lost, answers.at)


def _record_failure(error: OnaError | SyncError | ValueError) -> None:
    """Record a failed run, unless the newest has failed already; the next successful run clears it."""
    now, kind = timezone.now(), SyncRun.Kind.AUTOMATIONS
    ended = SyncRun.objects.filter(kind=kind).exclude(state=SyncRun.State.RUNNING).order_by("-started_at").first()
    if ended and ended.state == SyncRun.State.FAILED:
        return
    words = error.for_people() if isinstance(error, OnaError) else str(error)
    SyncRun.objects.create(
        kind=kind,
        state=SyncRun.State.FAILED,
        started_at=now,
        finished_at=now,
        error_code="configuration" if isinstance(error, ValueError) else error.code,
        error=f"What is in progress could not be followed. {words}",
        request_id=(error.request_id or "") if isinstance(error, OnaError) else "",
    )
