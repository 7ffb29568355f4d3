"""Celery's scheduler, which stores nothing: what it would lose with Redis it does not have."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import Scheduler as CeleryScheduler
from celery.beat import SchedulingError
from redis.exceptions import RedisError

from portal.heartbeat import Part, beat

BEAT_SECONDS = 2.0
log = structlog.get_logger()


class Scheduler(CeleryScheduler):
    """Send each task at its interval, and all of them at once after a pause.

    A pause is the start, a lost broker (its queue is lost too), or a sleep of this machine: each leaves a broker
    without the scheduler's heartbeat.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = False
        self._beaten_at = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, and return the seconds until the next call; without a broker nothing is sent."""
        if time.monotonic() - self._beaten_at >= BEAT_SECONDS and not self._beat():
            return BEAT_SECONDS
        return float(super().tick(*args, **kwargs))

    def _beat(self) -> bool:
        """Renew the heartbeat; False if the broker does not answer."""
        try:
            was_alive = beat(Part.SCHEDULER)
        except RedisError as error:
            log.warning("broker_away", error=str(error))
            return False
        self._beaten_at = time.monotonic()
        if not (self._began and was_alive):
            self._began = True
            self._send_everything()
        return True

    def _send_everything(self) -> None:
        """Send every task now: what is cached is old, and what was queued may be lost."""
        log.info("everything_is_due")
        for entry in list(self.schedule.values()):
            try:
                self.apply_async(entry, producer=self.producer)
            except SchedulingError as error:
                log.warning("not_sent", task=entry.task, error=str(error))
        self._heap = None  # the next tick makes it again, from the times of now
