"""A long log through the web server as in production: its memory stays what it was."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse

from portal.sandbox.logs import LogScript
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support import automation_factories, factories
from tests.support.profiles import THOROUGH

ROOT = Path(__file__).parents[3]
MEGABYTE = 1 << 20
LONG = (1024 if THOROUGH else 256) * MEGABYTE


@contextmanager
def web_server(sandbox: Sandbox) -> Iterator[tuple[int, int]]:
    """One process of the web server on the test's database: its port and its process id."""
    address, mark, options = os.environ["DATABASE_URL"].partition("?")
    database = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}{mark}{options}"
    argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket"]
    argv += ["--workers", "1", "--worker-class", "portal.server.BufferingWorker"]
    known = {"DATABASE_URL": database, "ONA_BASE_URL": sandbox.base_url, "ONA_API_KEY": sandbox.token}
    process = subprocess.Popen(argv, cwd=ROOT, env=os.environ | known, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stderr is not None
        port = worker = 0
        while not worker:
            line = process.stderr.readline().decode()
            assert line, "the web server did not start"
            port = int(found[1]) if (found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)) else port
            worker = int(found[1]) if (found := re.search(r"Booting worker with pid: (\d+)", line)) else 0
        yield port, worker
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def resident(process: int) -> int:
    """Bytes of memory the process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.django_db(transaction=True)
def test_a_long_log_leaves_the_web_servers_memory_flat() -> None:
    with running(World(environments=20, seed=11)) as sandbox:
        document = next(iter(sandbox.world.services.entries.values())).document()
        row = automation_factories.service(factories.environment(id=document["environmentId"]), id=document["id"])
        cookie = factories.client("Operator").cookies[settings.SESSION_COOKIE_NAME].value
        with web_server(sandbox) as (port, process):

            def read(size: int) -> tuple[int, int]:
                sandbox.logs.scripts[document["id"]] = LogScript(size=size)
                return _read(port, reverse("automations:service-log-stream", args=[row.pk]), cookie, process)

            read(4 * MEGABYTE)  # what is imported and kept once
            before = resident(process)
            received, highest = read(LONG)
    assert received == LONG
    assert highest - before < 30 * MEGABYTE


def _read(port: int, path: str, cookie: str, process: int) -> tuple[int, int]:
    """How many bytes came, and the most memory the process held meanwhile."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", path, headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
    answer = client.getresponse()
    assert answer.status == 200
    received = highest = 0
    looked = time.monotonic()
    buffer = bytearray(256 * 1024)
    while size := answer.readinto(buffer):
        received += size
        if time.monotonic() - looked > 0.1:
            looked, highest = time.monotonic(), max(highest, resident(process))
    client.close()
    return received, max(highest, resident(process))
