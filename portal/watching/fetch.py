"""Read what was hinted at, and merge the answers as every other answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from automations.sync import observe as automations
from automations.sync.poller import read_environment
from environments.models import Environment
from environments.sync import observe as environments
from environments.sync.job import SyncError, reject_mass_deletion
from portal.directory.connection import ona_now
from portal.ona import OnaClient, OnaError, errors
from portal.watching.hints import Thing

log = structlog.get_logger()
ENVIRONMENT, AUTOMATIONS = "ENVIRONMENT", "AUTOMATIONS"
KINDS = {
    "SERVICE": automations.SERVICE_KIND,
    "TASK": automations.TASK_KIND,
    "TASK_EXECUTION": automations.EXECUTION_KIND,
}
READABLE = frozenset({ENVIRONMENT, *KINDS})


@dataclass
class Outcome:
    """What a fetch came to: rows changed and deleted, transitions; what could not be read, to be read again."""

    changed: int = 0
    transitions: int = 0
    deleted: int = 0
    failed: list[Thing] = field(default_factory=list)
    is_doubtful: bool = False  # more were missing than anybody deletes: only a full listing may judge


def fetch(things: Sequence[Thing]) -> Outcome:
    """Get each of `things` in parallel, without retries; what Ona does not find is marked as deleted.

    RPCs: GetEnvironment, GetService, GetTask, GetTaskExecution; for AUTOMATIONS, the lists of an environment.
    """
    outcome, at, client = Outcome(), timezone.now(), ona_now()
    single = [thing for thing in things if thing.resource != AUTOMATIONS]
    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        answers = list(zip(single, pool.map(lambda thing: _answer(_get(client, thing), thing.id), single), strict=True))
    outcome.failed += [thing for thing, answer in answers if isinstance(answer, OnaError)]
    for resource in dict.fromkeys(thing.resource for thing in single):
        known = {
            thing.id: answer
            for thing, answer in answers
            if thing.resource == resource and not isinstance(answer, OnaError)
        }
        _merge(outcome, resource, known, at)
    for thing in things:
        if thing.resource == AUTOMATIONS:
            _read_automations(outcome, client, thing)
    return outcome


def _get(client: OnaClient, thing: Thing) -> Callable[[UUID], Any]:
    return client.get_environment if thing.resource == ENVIRONMENT else KINDS[thing.resource].get(client)


def _answer(get: Callable[[UUID], Any], id_: UUID) -> Any:
    """What Ona answers: a document, None if it does not find it, or the error."""
    try:
        return get(id_)
    except errors.NotFound:
        return None
    except OnaError as error:
        log.info("hint not read", id=str(id_), rpc=error.rpc, error=str(error))
        return error


def _merge(outcome: Outcome, resource: str, answers: dict[UUID, Any], at: datetime) -> None:
    found = [answer for answer in answers.values() if answer is not None]
    lost = [id_ for id_, answer in answers.items() if answer is None]
    if resource == ENVIRONMENT:
        merged = environments.observe(found)
        deleted = _mark(outcome, lost, lambda: environments.mark_deleted(lost, at))
    else:
        kind = KINDS[resource]
        merged = automations.observe(kind, [automations.AutomationObservation(at, each) for each in found])
        deleted = _mark(outcome, lost, lambda: automations.mark_deleted(kind, lost, at))
    outcome.changed += merged.changed + deleted
    outcome.transitions += merged.transitions + deleted
    outcome.deleted += deleted


def _mark(outcome: Outcome, lost: list[UUID], mark: Callable[[], int]) -> int:
    """Mark what Ona did not find as deleted, unless it is so much that a token which sees less is likelier."""
    try:
        reject_mass_deletion(len(lost), Environment.objects.present().count() if lost else 0, "environments", "")
    except SyncError:
        outcome.is_doubtful = True
        return 0
    return mark() if lost else 0


def _read_automations(outcome: Outcome, client: OnaClient, thing: Thing) -> None:
    try:
        read_environment(client, thing.id)
    except errors.NotFound:  # the environment was deleted, which its own event tells
        return
    except OnaError:
        outcome.failed.append(thing)
    except SyncError:
        outcome.is_doubtful = True
