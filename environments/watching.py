"""Following an environment closely while somebody watches what they asked for."""

from __future__ import annotations

from contextlib import suppress

import structlog
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from environments.actions.performing import look_at
from environments.actions.settling import settle
from environments.asked import standings
from environments.models import Environment
from portal.directory.connection import ona_now
from portal.ona import OnaError

log = structlog.get_logger()
PAUSE_SECONDS = 2


def follow(environment: Environment) -> None:
    """Read the environment from Ona while something asked for is not done; at most every two seconds for all who watch.

    Where Ona cannot be read, the page stays as of its last sighting.
    """
    waiting = [standing.operation for standing in standings(environment, timezone.now()) if standing.is_waiting]
    if not waiting or not _turn(environment):
        return
    try:
        client = ona_now()
        look_at(client, environment)
        for operation in waiting:
            if operation.is_open and operation.sent_at and operation.outcome == "unknown":
                settle(client, operation, is_late=False)
    except (OnaError, ValueError) as error:
        log.info("watching failed", environment_id=str(environment.pk), error=str(error))


def _turn(environment: Environment) -> bool:
    with suppress(RedisError):
        return bool(cache.add(f"watching-{environment.pk}", True, PAUSE_SECONDS))
    return False
