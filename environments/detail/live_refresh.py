"""Read an environment from Ona at short intervals while a page shows a pending operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from environments.actions.execute import look_at
from environments.actions.reconcile import settle
from environments.detail.pending_operations import operation_notices
from environments.models import Environment
from environments.sync.observe import mark_deleted, observe
from portal.directory.connection import ona_now
from portal.ona import OnaError, errors
from portal.ona.documents.environments import Observation

log = structlog.get_logger()
PAUSE_SECONDS = 2
# Other apps refresh their own data of an environment, each with turns of its own (automations.registration).
FOLLOWERS: list[Callable[[Environment], None]] = []


def refresh_while_pending(environment: Environment) -> None:
    """Read the environment from Ona if an operation is pending, at most every two seconds for all viewers.

    If Ona cannot be read, the page stays as of the last observation.
    """
    for follower in FOLLOWERS:
        follower(environment)
    pending = [notice.operation for notice in operation_notices(environment, timezone.now()) if notice.is_waiting]
    if not pending or not take_turn(f"watching-{environment.pk}"):
        return
    try:
        client = ona_now()
        look_at(client, environment)
        for operation in pending:
            if operation.is_open and operation.sent_at and operation.outcome == "unknown":
                settle(client, operation, is_late=False)
    except (OnaError, ValueError) as error:
        log.info("watching failed", environment_id=str(environment.pk), error=str(error))


def fetch_many(ids: Sequence[UUID]) -> None:
    """Read environments from Ona in parallel, without retries, since the caller repeats it soon.

    Those that cannot be read stay as of their last observation; those that Ona no longer has are marked as deleted.
    """
    requested_at, deleted = timezone.now(), list[UUID]()

    def fetch(id_: UUID) -> Observation | None:
        try:
            return ona_now().get_environment(id_)
        except errors.NotFound:
            deleted.append(id_)
        except (OnaError, ValueError) as error:
            log.info("watching failed", environment_id=str(id_), error=str(error))
        return None

    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        observations = list(pool.map(fetch, ids))
    observe([observation for observation in observations if observation])
    if deleted:
        mark_deleted(deleted, requested_at)


def take_turn(name: str) -> bool:
    """Claim the next read of `name`: True once per two seconds; always False while Redis is down."""
    with suppress(RedisError):
        return bool(cache.add(name, True, PAUSE_SECONDS))
    return False
