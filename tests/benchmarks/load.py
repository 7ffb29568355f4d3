"""Many at once, on the web server itself: 50 readers, 20 of them slow, and 5 pages as of a week ago.

Needs Django set up and a migrated database. Redis is one of its own, to be restarted in between.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from urllib.parse import urlencode

from portal.local.processes import Child
from portal.local.services import Services
from tests.benchmarks.audit import DAY, fill

ROOT = Path(__file__).resolve().parents[2]
QUICK, SLOW, PAST = 30, 20, 5
SECONDS = 30.0
PAGES = ("/", "/environments/", "/environments/?phase=running", "/environments/facets/", "/audit/lockdown/", "/sync/")
SIP, PAUSE = 4096, 0.05  # bytes at a time of a slow reader, seconds between them


@dataclass
class Load:
    """What readers were answered: statuses, and milliseconds to the whole answer by kind of reader."""

    statuses: Counter[int] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)

    def p95(self, kind: str) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.times[kind], n=20)[18]


def measure(rows: int) -> dict[str, Load]:
    """The load as it is, and with Redis restarted in the middle of it."""
    fill(rows)
    with (
        TemporaryDirectory() as folder,
        Services(Path(folder), durable=False, database_url=os.environ["DATABASE_URL"]) as services,
        web_server(services.start().redis_url) as port,
    ):
        (broker,), cookie = services.children, sign_in()
        _read(port, cookie, "/environments/")
        usual = _load(port, cookie, lambda: None)
        return {"": usual, ", Redis restarted": _load(port, cookie, lambda: _restart(broker))}


def _restart(broker: Child) -> None:
    broker.stop()
    time.sleep(1)
    broker.start_again()


@contextmanager
def web_server(redis_url: str) -> Iterator[int]:
    """The web server as `make run` has it; its port."""
    argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", "127.0.0.1:0", "--workers", "2", "--preload"]
    argv += ["--worker-class", "portal.server.BufferingWorker", "--no-control-socket"]
    environment = os.environ | {"REDIS_URL": redis_url, "PORTAL_LOG_LEVEL": "ERROR"}
    with TemporaryFile() as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=log, start_new_session=True)
        try:
            while not (found := re.search(rb"Listening at: http://[\d.]+:(\d+)", _written(log))):
                assert process.poll() is None, "the web server did not start"
                time.sleep(0.1)
            yield int(found[1])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            sys.stderr.write(_written(log).decode()[-20_000:])


def _written(log: IO[bytes]) -> bytes:
    return os.pread(log.fileno(), 1 << 24, 0)


def sign_in() -> str:
    """The cookie of a new superuser's session."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    user = User.objects.create_superuser(f"bench-{time.time_ns()}")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _load(port: int, cookie: str, happen: Callable[[], None]) -> Load:
    from django.utils import timezone

    from environments.as_of.clock import written

    load, ends_at = Load(), time.monotonic() + SECONDS
    past = urlencode({"as_of": written(timezone.now() - 7 * DAY)})
    kinds = (
        ("quick", QUICK, PAGES, 0.0),
        ("slow", SLOW, PAGES, PAUSE),
        ("past", PAST, (f"/environments/?{past}", f"/audit/lockdown/?{past}"), 0.0),
    )
    readers = [
        threading.Thread(
            target=_reader, args=(load, kind, ends_at, port, cookie, pages[number % len(pages) :] + pages, pause)
        )
        for kind, count, pages, pause in kinds
        for number in range(count)
    ]
    for reader in readers:
        reader.start()
    time.sleep(SECONDS / 3)
    happen()
    for reader in readers:
        reader.join()
    return load


def _reader(
    load: Load, kind: str, ends_at: float, port: int, cookie: str, pages: tuple[str, ...], pause: float
) -> None:
    """Read one page after another until the end."""
    number = 0
    while time.monotonic() < ends_at:
        began = time.monotonic()
        status = _read(port, cookie, pages[number % len(pages)], pause)
        load.statuses[status] += 1
        load.times.setdefault(kind, []).append((time.monotonic() - began) * 1000)
        number += 1


def _read(port: int, cookie: str, path: str, pause: float = 0.0) -> int:
    """The status of a page that was read to its end; 0 if the connection broke."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.sock = socket.socket()
    if pause:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP)
    try:
        connection.sock.connect(("127.0.0.1", port))
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        while answer.read(SIP if pause else None):
            time.sleep(pause)
    except OSError:
        return 0
    else:
        return answer.status
    finally:
        connection.close()
