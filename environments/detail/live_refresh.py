"""Following an environment closely while somebody watches what they asked for."""

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
from environments.detail.pending_operations import standings
from environments.models import Environment
from environments.sync.observe import observe
from portal.directory.connection import ona_now
from portal.ona import OnaError
from portal.ona.documents.environments import Observation

log = structlog.get_logger()
PAUSE_SECONDS = 2
# Other apps follow what they know of an environment; each takes turns of its own (see automations.apps).
FOLLOWERS: list[Callable[[Environment], None]] = []


def follow(environment: Environment) -> None:
    """Read the environment from Ona while something asked for is not done; at most every two seconds for all who watch.

    Where Ona cannot be read, the page stays as of its last sighting.
    """
    for follower in FOLLOWERS:
        follower(environment)
    waiting = [standing.operation for standing in standings(environment, timezone.now()) if standing.is_waiting]
    if not waiting or not turn(f"watching-{environment.pk}"):
        return
    try:
        client = ona_now()
        look_at(client, environment)
        for operation in waiting:
            if operation.is_open and operation.sent_at and operation.outcome == "unknown":
                settle(client, operation, is_late=False)
    except (OnaError, ValueError) as error:
        log.info("watching failed", environment_id=str(environment.pk), error=str(error))


def look_at_many(ids: Sequence[UUID]) -> None:
    """Read these environments from Ona, side by side, and each once, for it is soon done again. One that cannot be read
    stays as of its last sighting; what is gone is for the sweep to find."""

    def look(id_: UUID) -> Observation | None:
        try:
            return ona_now().get_environment(id_)
        except (OnaError, ValueError) as error:
            log.info("watching failed", environment_id=str(id_), error=str(error))
            return None

    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        found = list(pool.map(look, ids))
    observe([observation for observation in found if observation])


def turn(name: str) -> bool:
    """Whether it is the caller's turn to read `name` from Ona: once in two seconds; never while Redis is away."""
    with suppress(RedisError):
        return bool(cache.add(name, True, PAUSE_SECONDS))
    return False
