"""The watcher: what happens at Ona is in the tables within two seconds, and they agree whatever the stream does."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from automations.models import ExecutionPhase, TaskExecution
from automations.sync import poller
from automations.sync.observe import sync_automations
from environments.models import Environment, Phase, SyncRun, Transition
from environments.models.overview import OverviewPart
from environments.overview.refresh import refresh_after
from environments.sync import looked_at
from environments.sync.freshness import event_stream, freshness, is_due
from environments.sync.full_listing import sync_environments
from environments.timeline.lane_bars import Period
from environments.timeline.observed import find_outages
from portal.directory.connection import ona
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from portal.sandbox.world_state import Event
from portal.watching.attention import in_progress
from portal.watching.management.commands import watch_ona
from portal.watching.watcher import Watcher
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db(transaction=True)
GET, LIST = "EnvironmentService/GetEnvironment", "EnvironmentService/ListEnvironments"
MOST = 20  # things that are read one by one


@pytest.fixture
def broker(settings: Any) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as found:
        found.delete("celery", looked_at.KEY)
        yield found
        found.delete("celery", looked_at.KEY)


@pytest.fixture
def sandbox(connect: Callable[..., Any], settings: Any) -> Iterator[Sandbox]:
    """An organization of 40 that was listed an hour ago."""
    settings.ONA_REQUESTS_PER_SECOND = MOST / 2
    with connect(World(environments=40, seed=11)) as server:
        refresh_after(sync_environments(ona()))
        sync_automations(ona(), everything=True)
        SyncRun.objects.update(started_at=timezone.now() - timedelta(hours=1))
        yield server


@contextmanager
def watching() -> Iterator[None]:
    watcher = Watcher()

    def watch() -> None:
        watcher.run()
        connection.close()

    thread = Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join(10)
        assert not thread.is_alive()


def work(broker: redis.Redis) -> bool:
    """What a worker does with the requests for early listings; whether there was one."""
    if not broker.delete("celery"):
        return False
    return sync_environments(ona()) is not None


def eventually(holds: Callable[[], Any], what: str = "", within: float = 10.0) -> float:
    """The seconds until it did."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, what
        time.sleep(0.02)
    return time.monotonic() - began


def agrees(sandbox: Sandbox) -> bool:
    """Whether the tables hold what Ona has. The server puts addresses of its own into statuses: their versions do."""
    present = Environment.objects.present().values_list("pk", "metadata", "spec", "status__statusVersion")
    return {str(pk): rest for pk, *rest in present} == {
        each["id"]: [each["metadata"], each["spec"], each["status"]["statusVersion"]]
        for each in sandbox.world.documents()
    }


def connections() -> list[str]:
    return list(SyncRun.objects.filter(kind=SyncRun.Kind.EVENTS).order_by("pk").values_list("state", flat=True))


def connected(broker: redis.Redis, count: int = 1) -> None:
    """Wait until the stream is open for the `count`th time, and everything was listed since."""
    eventually(lambda: len(connections()) == count, f"connection {count}")
    eventually(lambda: work(broker) and event_stream().is_live, "a listing after the connection", within=25)


def invent(sandbox: Sandbox, operation: str, resource: str, id_: str) -> None:
    """Events that Ona had better not sent."""
    for listener in list(sandbox.world._listeners):
        listener(Event(operation, resource, id_, id_, ""))


def test_what_happens_at_ona_is_in_the_tables_at_once(sandbox: Sandbox, broker: redis.Redis) -> None:
    world = sandbox.world
    first, second, third, *rest = [each["id"] for each in world.documents()]
    looked_at.mark(looked_at.OVERVIEW)
    assert is_due(SyncRun.Kind.ENVIRONMENTS)
    with watching():
        connected(broker)
        assert not is_due(SyncRun.Kind.ENVIRONMENTS)
        cache.delete("followed-all")
        assert (poller.is_due(), poller.is_due()) == (True, False)
        (environments,) = freshness(SyncRun.Kind.ENVIRONMENTS)
        assert (environments.interval, environments.is_live) == (timedelta(minutes=5), True)

        counted, listed = OverviewPart.objects.get(pk="counts").at, sandbox.requests[LIST]
        world.change(first, metadata={"name": "renamed"})
        eventually(Environment.objects.filter(pk=first, name="renamed").exists, "changed", within=2)
        eventually(OverviewPart.objects.filter(pk="counts", at__gt=counted).exists, "figures", within=2)
        added = world.add_environment()
        eventually(Environment.objects.filter(pk=added).exists, "added", within=2)
        world.remove(second)
        eventually(Environment.objects.filter(pk=second, gone_at__isnull=False).exists, "deleted", within=2)

        # repeated, reordered and invented events
        before, noted = sandbox.requests[GET], Transition.objects.count()
        for _ in range(50):
            invent(sandbox, "DELETE", "ENVIRONMENT", third)
            invent(sandbox, "CREATE", "ENVIRONMENT", first)
        invent(sandbox, "UPDATE", "ENVIRONMENT", "00000000-0000-4000-8000-000000000000")
        invent(sandbox, "UPDATE", "SECRET", first)
        eventually(lambda: sandbox.requests[GET] == before + 3, "each is read once")
        world.change(third, metadata={"name": "after it"})
        eventually(Environment.objects.filter(pk=third, name="after it", gone_at=None).exists)
        assert Transition.objects.count() == noted
        assert agrees(sandbox)

        # a read that fails is repeated
        sandbox.faults.inject("error503", times=2, rpc=GET)
        world.change(first, metadata={"name": "again"})
        eventually(Environment.objects.filter(pk=first, name="again").exists, "read again")

        # the automations of an environment that somebody looks at
        busy, streams, tasks = in_progress(), sandbox.application.events, "EnvironmentAutomationService/ListTasks"
        execution = TaskExecution.objects.present().filter(environment__in=rest).exclude(environment__in=busy)[0]
        open_before, read_before = streams.watching, sandbox.requests[tasks]
        looked_at.mark(str(execution.environment_id))
        eventually(lambda: streams.watching == open_before + 1, "a stream of its own")
        eventually(lambda: sandbox.requests[tasks] == read_before + 1, "what happened before it")
        phase = ExecutionPhase.FAILED if execution.phase != ExecutionPhase.FAILED else ExecutionPhase.SUCCEEDED
        world.change_automation("TASK_EXECUTION", str(execution.pk), {"status": {"phase": phase}})
        eventually(TaskExecution.objects.filter(pk=execution.pk, phase=phase).exists, "an execution", within=2)
        assert sandbox.requests[LIST] == listed, "nothing was listed for it"

        # a storm is one listing
        before = sandbox.requests[GET]
        for id_ in rest:
            world.change(id_, metadata={"name": "in the storm"})
        eventually(lambda: work(broker), "an early listing")
        eventually(lambda: agrees(sandbox))
        assert sandbox.requests[GET] - before <= MOST
    assert connections() == ["succeeded"]
    assert is_due(SyncRun.Kind.ENVIRONMENTS), "without events listings are as frequent as ever"
    assert poller.is_due()
    assert SyncRun.objects.get(kind=SyncRun.Kind.EVENTS).listed > 100
    run = SyncRun.objects.get(kind=SyncRun.Kind.EVENTS)
    listed_at = timezone.now() - timedelta(minutes=30)
    SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS).update(started_at=listed_at, finished_at=listed_at)
    period = Period(listed_at - timedelta(minutes=1), timezone.now())
    assert find_outages(period), "nothing tells of half an hour"
    SyncRun.objects.filter(pk=run.pk).update(started_at=listed_at)
    assert not [end for _, end in find_outages(period) if end is None], "events did"


def test_a_stream_that_ends_or_is_silent_is_opened_again_and_what_it_missed_is_listed(
    sandbox: Sandbox, broker: redis.Redis, settings: Any
) -> None:
    settings.STREAM_SILENCE_SECONDS = 1.0
    one = next(sandbox.world.documents())["id"]
    sandbox.faults.inject("ended", times=2, rpc="WatchEvents")  # without its last frame
    sandbox.faults.inject("silent", rpc="WatchEvents")
    with watching():
        eventually(lambda: len(connections()) == 3, "the silent one")
        sandbox.world.change(one, metadata={"name": "lost in silence"})
        eventually(lambda: len(connections()) == 4, "the one that is well")
        settings.STREAM_SILENCE_SECONDS = 300.0
        assert not event_stream().is_live
        eventually(lambda: work(broker) and agrees(sandbox), "listed after it was opened", within=25)
    assert connections()[:3] == ["failed"] * 3
    runs = SyncRun.objects.filter(kind=SyncRun.Kind.EVENTS)
    assert {run.error_code for run in runs if run.state == "failed"} == {"unreachable"}


def test_whatever_befalls_streams_and_watchers_the_tables_are_those_of_ona(
    sandbox: Sandbox, broker: redis.Redis
) -> None:
    """Two watchers, of which the one that watches is killed; before that, one kind of trouble with events."""
    world, kills = sandbox.world, examples(20)
    one, other = (str(each.pk) for each in Environment.objects.running().order_by("pk")[:2])
    named = Environment.objects.filter(pk=one)
    phases = [Phase.STOPPING, Phase.STARTING, Phase.UPDATING, Phase.RUNNING]

    def rename(name: str) -> None:
        world.change(one, metadata={"name": name})

    def events_are_lost() -> None:
        with silence(sandbox) as lost:
            rename("lost")
        world.change(other, metadata={"name": "told"})
        eventually(Environment.objects.filter(pk=other, name="told").exists, "others are read")
        assert lost
        sync_environments(ona())  # the page is not stale for longer than a sweep

    def events_come_late_twice_and_backwards() -> None:
        with silence(sandbox) as held:
            rename("first")
            rename("second")
            added = world.add_environment()
            world.remove(added)
        for event in [*reversed(held), *held]:
            invent(sandbox, event.operation, event.resource, event.id)
        eventually(named.filter(name="second").exists, "late")

    def events_are_invented() -> None:
        invent(sandbox, "DELETE", "ENVIRONMENT", one)
        invent(sandbox, "CREATE", "ENVIRONMENT", str(uuid4()))
        rename("in spite of it")
        eventually(named.filter(name="in spite of it").exists, "read")

    def redis_restarts() -> None:
        broker.flushdb()  # as a restart leaves it
        rename("without Redis")
        eventually(named.filter(name="without Redis").exists, "read", within=2)

    troubles = cycle([events_are_lost, events_come_late_twice_and_backwards, events_are_invented, redis_restarts])
    children = deque([_watch_in_another_process()])
    try:
        for number in range(kills + 1):
            connected(broker, count=number + 1)
            assert agrees(sandbox), number
            if number < kills:
                children.append(_watch_in_another_process())  # and waits
                next(troubles)()
                _kill(children.popleft())
                world.change(other, status={"phase": phases[number % len(phases)]})  # while nobody watches
        assert sandbox.application.events.watching == 1 + len(in_progress()), "one watches at a time"
    finally:
        for child in children:
            _kill(child)
    assert connections() == ["failed"] * kills + ["running"], "each closed what the one before left open"
    assert Transition.objects.filter(environment_id=other, field="phase").count() == kills, "nothing is doubled"


@contextmanager
def silence(sandbox: Sandbox) -> Iterator[list[Event]]:
    """The events that no stream tells meanwhile."""
    held: list[Event] = []
    listeners, sandbox.world._listeners = sandbox.world._listeners, [held.append]
    try:
        yield held
    finally:
        sandbox.world._listeners = listeners


def _watch_in_another_process() -> int:
    connection.close()  # it has connections of its own
    connection.close_pool()  # type: ignore[attr-defined]
    if process := os.fork():
        return process
    watch_ona.STANDBY_SECONDS = 0.1
    try:
        call_command("watch_ona")
    finally:
        os._exit(0)


def _kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
