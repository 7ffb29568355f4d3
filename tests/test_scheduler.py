"""The scheduler sends everything after a pause, whatever the pause was, and only what is due else."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from kombu.utils.imports import symbol_by_name

from portal import scheduler
from portal.celery import app
from portal.heartbeat import Part, seconds_since_beats


@pytest.fixture
def broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """The broker with an empty queue, and a scheduler that renews its heartbeat with each tick."""
    monkeypatch.setattr(scheduler, "BEAT_SECONDS", 0.0)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete("celery", Part.SCHEDULER.key)
        yield client
        client.delete("celery", Part.SCHEDULER.key)


def sent(broker: redis.Redis) -> list[str]:
    """The tasks in the queue, which is empty then."""
    messages = broker.lrange("celery", 0, -1)
    broker.delete("celery")
    return sorted(json.loads(message)["headers"]["task"] for message in messages)


def test_everything_is_sent_at_the_start_and_after_each_pause_and_nothing_in_between(broker: redis.Redis) -> None:
    everything = sorted(entry["task"] for entry in app.conf.beat_schedule.values())
    assert symbol_by_name(app.conf.beat_scheduler) is scheduler.Scheduler
    beat = scheduler.Scheduler(app=app)
    pauses = {"the start": lambda: None, "a lost broker": broker.flushdb, "a sleep": lambda: expire(broker)}
    for pause, happen in pauses.items():
        happen()
        assert beat.tick() <= app.conf.beat_max_loop_interval
        assert sent(broker) == everything, pause
        beat.tick()
        assert sent(broker) == [], pause
        assert seconds_since_beats()[Part.SCHEDULER] is not None, pause
    assert scheduler.Scheduler(app=app).tick() > 0
    assert sent(broker) == everything, "a second start while the first one's heartbeat is there"


def expire(broker: redis.Redis) -> None:
    """What 20 seconds do."""
    broker.pexpire(Part.SCHEDULER.key, 1)
    while broker.exists(Part.SCHEDULER.key):
        pass


def test_without_a_broker_it_goes_on_and_sends_what_became_due(broker: redis.Redis, settings: Any) -> None:
    beat = scheduler.Scheduler(app=app)
    beat.tick()
    sent(broker)
    address = settings.REDIS_URL
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        nobody = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    settings.REDIS_URL = nobody
    assert beat.tick() == scheduler.BEAT_SECONDS
    assert sent(broker) == []
    settings.REDIS_URL = address
    beat.schedule["batches"].last_run_at -= beat.schedule["batches"].schedule.run_every
    beat._heap = None
    beat.tick()
    assert sent(broker) == ["automations.batches.tasks.drive_batches"]
