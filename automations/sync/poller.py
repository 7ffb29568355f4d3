"""Following what is under way in environments: closely while somebody watches, at leisure otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog
from django.utils import timezone

from automations.models import UNDER_WAY, AutomationQuerySet, Service, ServicePhase, TaskExecution
from automations.sync.observe import COMMAND, ask_for, look_at, mark_gone, observe, observe_page, pages_of
from automations.sync.resource_types import EXECUTION_KIND, SERVICE_KIND, Kind
from environments.detail.live_refresh import take_turn
from environments.models import Environment, SyncRun
from environments.sync.job import SyncError, exclusive_lock, reject_mass_deletion
from portal.directory.connection import ona, ona_now
from portal.ledger.models import Operation
from portal.ona import OnaClient, OnaError
from portal.ona.documents.pages import Page

log = structlog.get_logger()
MOVING = (ServicePhase.STARTING, ServicePhase.STOPPING)
LATELY = timedelta(minutes=1)  # what was asked for is looked for this long, even where nothing shows yet
ASKED_AT_ONCE = 100  # one by one, those not seen for the longest time first
PAGES = 10  # of executions under way: the newest thousand
ENVIRONMENTS = 200  # those whose services are read at once, in lists of 25


def follow_execution(execution: TaskExecution) -> None:
    """Read it from Ona (GetTaskExecution) unless it has ended; at most every two seconds for all who watch.

    Brings `execution` up to date. Where Ona cannot be read, it stays as of its last sighting.
    """
    is_over = execution.gone_at is not None or execution.phase not in UNDER_WAY
    if is_over or not take_turn(f"following-{execution.pk}"):
        return
    try:
        look_at(ona_now(), EXECUTION_KIND, execution.pk)
    except (OnaError, ValueError) as error:
        log.info("following failed", execution_id=str(execution.pk), error=str(error))
    execution.refresh_from_db()


def follow_environment(environment: Environment) -> None:
    """Read what is under way in it from Ona (ListTaskExecutions, ListServices); at most every two seconds for all who
    watch. Nothing under way and nothing asked for in the last minute: nothing is read.

    Where Ona cannot be read, the rows stay as of their last sighting.
    """
    executions = TaskExecution.objects.of(environment).filter(phase__in=UNDER_WAY)
    services = Service.objects.of(environment).filter(phase__in=MOVING)
    lately = Operation.objects.of_environment(environment.pk).filter(asked_at__gt=timezone.now() - LATELY)
    is_asked = environment.gone_at is None and lately.exists()
    kinds = [
        kind for kind, rows in ((EXECUTION_KIND, executions), (SERVICE_KIND, services)) if is_asked or rows.exists()
    ]
    if not kinds or not take_turn(f"following-{environment.pk}"):
        return
    try:
        client, ids = ona_now(), [environment.pk]
        if EXECUTION_KIND in kinds:
            _catch_up(EXECUTION_KIND, client, islice(client.execution_pages(ids, UNDER_WAY), PAGES), executions)
        if SERVICE_KIND in kinds:
            _catch_up(SERVICE_KIND, client, pages_of(client, SERVICE_KIND, ids), services)
    except (OnaError, SyncError, ValueError) as error:
        log.info("following failed", environment_id=str(environment.pk), error=str(error))


def follow_all() -> bool:
    """Read what is under way anywhere; False where another process is at it. One request where nothing is.

    A failure is logged and, once, recorded as a failed run of the sync, so that `/sync/` tells it.
    """
    with exclusive_lock("following") as is_only_one:
        if not is_only_one:
            return False
        try:
            _follow_all(ona())
        except (OnaError, SyncError, ValueError) as error:
            log.warning("following failed", error=str(error))
            _tell(error)
    return True


def _follow_all(client: OnaClient) -> None:
    executions = TaskExecution.objects.present().filter(phase__in=UNDER_WAY)
    _catch_up(EXECUTION_KIND, client, islice(client.execution_pages((), UNDER_WAY), PAGES), executions)
    services = Service.objects.present().filter(phase__in=MOVING)
    environments = list(dict.fromkeys(services.order_by("seen_at").values_list("environment_id", flat=True)))
    _catch_up(SERVICE_KIND, client, pages_of(client, SERVICE_KIND, environments[:ENVIRONMENTS]), services)


def _catch_up(kind: Kind, client: OnaClient, pages: Iterable[Page[Any]], known: AutomationQuerySet) -> None:
    """Merge `pages`, then ask for what is `known` as under way but was not on them: it has ended, or is gone."""
    began = timezone.now()
    for page in pages:
        observe_page(kind, page)
    unseen = known.filter(seen_at__lt=began).order_by("seen_at").values_list("id", flat=True)
    answers = ask_for(client, kind, list(unseen[:ASKED_AT_ONCE]))
    observe(kind, answers.found)
    if answers.lost:
        reject_mass_deletion(len(answers.lost), kind.objects.present().count(), kind.name, COMMAND)
        mark_gone(kind, answers.lost, answers.at)


def _tell(error: OnaError | SyncError | ValueError) -> None:
    """As a failed run of what it serves, unless the newest one has failed already: the next good one clears it."""
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
        error=f"What is under way could not be followed. {words}",
        request_id=(error.request_id or "") if isinstance(error, OnaError) else "",
    )
