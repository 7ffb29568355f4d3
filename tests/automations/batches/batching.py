"""Batches for tests: environments that have a task, and workers that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from automations.batches import worker
from automations.models import Batch
from automations.sync.observe import sync_automations
from environments.sync.full_listing import sync_environments
from portal.ledger import recording
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox

ROOT = Path(__file__).parents[3]
REFERENCE = "reindex"


def with_task(sandbox: Sandbox, count: int, reference: str = REFERENCE) -> list[str]:
    """So many new environments that run and have a task of this reference; everything is in the cache then."""
    metadata, spec = {"reference": reference, "name": "Index anew"}, {"command": "make index"}
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=5000) as client:
        portal, ids = str(client.get_authenticated_identity().subject.id), list[str]()
        while len(ids) < count:
            id_ = sandbox.world.add_environment(Condition("RUNNING", never_stops=True))
            if sandbox.world.document(id_)["metadata"]["creator"]["id"] == portal:
                continue  # whose owner starts tasks of their own now and then
            ids.append(id_)
            client.create_task(id_, metadata=metadata, spec=spec)
        sync_environments(client)
        sync_automations(client, everything=True)
    return ids


def starts(sandbox: Sandbox, reference: str = REFERENCE) -> Counter[str]:
    """How often the stand-in has started the task for the portal, by environment; people start tasks, too."""
    found: Counter[str] = Counter()
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        portal = str(client.get_authenticated_identity().subject.id)
    for entry in sandbox.world.executions.walk({}):
        document = entry.document()
        task = sandbox.world.tasks.entries.get(document["metadata"]["taskId"])
        is_ours = document["metadata"]["creator"]["id"] == portal
        if is_ours and task and task.document()["metadata"]["reference"] == reference:
            found[document["metadata"]["environmentId"]] += 1
    return found


def states(batch: Batch) -> dict[str, int]:
    """How many of its items are in each state."""
    return dict(Counter(batch.items.values_list("state", flat=True)))


DYING = {
    "before it was requested": (recording, "begin"),
    "before it was sent": (recording, "sent"),
    "before it was written down": (worker, "_write_down"),
}


def dying_worker(batch: Batch, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker takes items of the batch and dies at one of these moments."""

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    recording.sent(Operation.objects.get(pk=batch.pk))
    with monkeypatch.context() as dying:
        dying.setattr(*DYING[moment], die)
        with pytest.raises(KeyboardInterrupt):
            worker.drive_batches()


def wait_until(happened: Callable[[], Any], seconds: float = 60) -> None:
    """Until `happened` is true; fails the test when it takes longer."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@contextmanager
def celery_worker(sandbox: Sandbox, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as in production, on the test's database and Redis, in a process group of its own; killed at the end."""
    settings = connection.settings_dict
    address = os.environ["DATABASE_URL"].rpartition("/")
    _, mark, options = address[2].partition("?")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency", "2", "--loglevel", "WARNING"],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": f"{address[0]}/{settings['NAME']}{mark}{options}",
            "ONA_BASE_URL": sandbox.base_url,
            "ONA_API_KEY": sandbox.token,
            "ONA_REQUESTS_PER_SECOND": "2000",
            **environ,
        },
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The worker and what it forked, at once and without a word."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
