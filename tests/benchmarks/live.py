"""How soon a change at Ona is on an open page, what open pages cost while nothing changes, and how many requests to Ona
a quiet fleet makes. Needs Django set up and a migrated database; web server and watcher are the real ones.
"""

from __future__ import annotations

import http.client
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

import psutil

from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.benchmarks.load import ROOT, sign_in, web_server

TABS = 200
SECONDS = 30.0
EVERY, AGAIN = 1.25, 0.25  # seconds, as in static/js/live.js
PAGES = ("environments:list", "environment/{environment}", "overview", "execution/{execution}")
VISIBLE = 10_000  # milliseconds


@contextmanager
def organization(environments: int, latency_ms: float) -> Iterator[Sandbox]:
    """A sandbox in this process, which the portal's processes are connected to and have read."""
    from django.conf import settings

    from automations.sync.observe import sync_automations
    from environments.overview.refresh import refresh_after
    from environments.sync.full_listing import sync_environments
    from portal.directory import connection

    with running(World(environments=environments, seed=1), latency_ms=latency_ms) as sandbox:
        os.environ["ONA_BASE_URL"] = settings.ONA_BASE_URL = sandbox.base_url
        os.environ["ONA_API_KEY"] = settings.ONA_API_KEY = sandbox.token
        connection._client.cache_clear()
        refresh_after(sync_environments(connection.ona()))
        sync_automations(connection.ona(), everything=True)
        yield sandbox
    connection._client.cache_clear()


@contextmanager
def watcher(sandbox: Sandbox) -> Iterator[psutil.Process]:
    """The watcher, once it is connected and everything was listed since."""
    from environments.sync.freshness import event_stream
    from environments.sync.full_listing import sync_environments
    from portal.directory.connection import ona

    with TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "manage.py", "watch_ona"], cwd=ROOT, stderr=log)
        try:
            while not sandbox.application.events.watching:
                time.sleep(0.1)
            time.sleep(1)
            sync_environments(ona())
            assert event_stream().is_live
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def measure_idle(*, waits: bool) -> dict[str, float]:
    """Shares of one core, in percent: of the web server, of Postgres, and of the watcher, with 200 tabs open, that wait
    for news or poll."""
    with organization(300, 0) as sandbox, watcher(sandbox) as watching, web_server(os.environ["REDIS_URL"]) as port:
        topics, cookie, ends_at = _topics(), sign_in(), time.monotonic() + SECONDS + 5
        tabs = [
            threading.Thread(
                target=_tab,
                args=(port, cookie, topics[number % len(topics)], ends_at),
                kwargs={"waits": waits},
            )
            for number in range(TABS)
        ]
        for tab in tabs:
            tab.start()
        time.sleep(10)  # until each has polled for the first time
        parts = {"web": _web(), "postgres": _postgres(), "watcher": [watching]}
        before = {name: _cpu(processes) for name, processes in parts.items()}
        time.sleep(SECONDS - 10)
        found = {name: 100 * (_cpu(processes) - before[name]) / (SECONDS - 10) for name, processes in parts.items()}
        for tab in tabs:
            tab.join()
        return found


def _topics() -> list[str]:
    from automations.models import TaskExecution
    from environments.models import Environment

    environments = list(Environment.objects.present().values_list("pk", flat=True)[:TABS])
    executions = list(TaskExecution.objects.present().values_list("pk", flat=True)[:TABS])
    return [
        topic.format(environment=environments[number], execution=executions[number])
        for number in range(TABS // len(PAGES))
        for topic in PAGES
    ]


def _tab(port: int, cookie: str, about: str, ends_at: float, *, waits: bool) -> None:
    """An open page: it asks as static/js/live.js does, to wait or, polling, to be answered at once."""
    time.sleep(random.random())
    connection, seen = http.client.HTTPConnection("127.0.0.1", port, timeout=40), ""
    while (began := time.monotonic()) < ends_at:
        address = f"/live/?about={quote(about)}&seen={quote(seen)}{'&wait=yes' if waits else ''}"
        connection.request("GET", address, headers={"Cookie": cookie})
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status in (200, 204), answer.status
        seen = text or seen
        time.sleep(AGAIN if time.monotonic() - began > EVERY else EVERY)
    connection.close()


def _web() -> list[psutil.Process]:
    """The processes of the web server."""
    own = psutil.Process().children(recursive=True)
    return [each for each in own if "gunicorn" in " ".join(each.cmdline())]


def _postgres() -> list[psutil.Process]:
    """The server's processes that are there now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return [psutil.Process(pid) for (pid,) in cursor.fetchall()]


def _cpu(processes: list[psutil.Process]) -> float:
    spent = 0.0
    for each in processes:
        if each.is_running():
            times = each.cpu_times()
            spent += times.user + times.system
    return spent


def measure_latency(changes: int, latency_ms: float) -> dict[str, list[float]]:
    """Milliseconds from a change at Ona until the open page shows it, by page."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(organization(300, latency_ms))
        stack.enter_context(watcher(sandbox))
        port = stack.enter_context(web_server(os.environ["REDIS_URL"]))
        return _measure_pages(sandbox, port, changes)


def _measure_pages(sandbox: Sandbox, port: int, changes: int) -> dict[str, list[float]]:
    from playwright.sync_api import sync_playwright

    from automations.models import TaskExecution
    from environments.models import Environment
    from tests.browser import chromium

    execution = TaskExecution.objects.present().filter(phase="TASK_EXECUTION_PHASE_SUCCEEDED")[0]
    environment, listed = Environment.objects.running().order_by("-created_at")[:2]
    world = sandbox.world

    def rename(marker: str, of: Environment = environment) -> None:
        world.change(str(of.pk), metadata={"name": marker})

    def fail(marker: str) -> None:
        world.change_automation("TASK_EXECUTION", str(execution.pk), {"status": {"failureMessage": marker}})

    pages: dict[str, tuple[str, Callable[[str], object]]] = {
        "list": (f"/environments/?q={listed.pk}", lambda marker: rename(marker, listed)),
        "environment": (f"/environments/{environment.pk}/", rename),
        "overview": ("/", lambda marker: world.add_environment()),
        "execution": (f"/automations/executions/{execution.pk}/", fail),
    }
    name, _, value = sign_in().partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_arguments())
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}")
        context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{port}"}])
        found: dict[str, list[float]] = {}
        tabs = {}
        for kind, (url, _) in pages.items():
            tabs[kind] = context.new_page()
            tabs[kind].goto(url)
        time.sleep(3)  # each has polled, and the watcher has the streams
        dice = random.Random(1)
        for number in range(changes):
            kind = list(pages)[number % len(pages)]
            time.sleep(0.5 + 2 * dice.random())
            found.setdefault(kind, []).append(_one(tabs[kind], kind, f"bench-{number}", pages[kind][1]))
        browser.close()
    return found


def _one(page: Any, kind: str, marker: str, change: Callable[[str], object]) -> float:
    figures = "[...document.querySelectorAll('[id^=figure-]')].map((each) => each.innerText).join()"
    before = page.evaluate(figures)
    began = time.monotonic()
    change(marker)
    if kind == "overview":
        page.wait_for_function(f"(before) => {figures} !== before", arg=before, timeout=VISIBLE)
    else:
        page.wait_for_function(
            "(text) => document.querySelector('main').innerText.includes(text)", arg=marker, timeout=VISIBLE
        )
    return (time.monotonic() - began) * 1000


def median(times: list[float]) -> float:
    """The one in the middle."""
    return statistics.median(times)


def p95(times: list[float]) -> float:
    """Of at least two."""
    return statistics.quantiles(times, n=20)[18]


def measure_requests(environments: int) -> dict[str, float]:
    """Requests to Ona per hour of a quiet fleet: without events, and while the stream is live."""
    from django.conf import settings

    from automations.sync import observe, poller
    from environments.sync import audit_log, full_listing
    from environments.sync.directory import sync_directory
    from portal.directory.connection import ona

    rarer = settings.WATCHED_SWEEP_SECONDS / settings.SWEEP_SECONDS
    with organization(environments, 0) as sandbox:
        jobs: tuple[tuple[Callable[[], Any], float, float], ...] = (
            (lambda: full_listing.sync_environments(ona()), settings.SWEEP_SECONDS, settings.WATCHED_SWEEP_SECONDS),
            (
                lambda: observe.sync_automations(ona(), everything=False),
                settings.SWEEP_SECONDS,
                settings.WATCHED_SWEEP_SECONDS,
            ),
            (lambda: observe.sync_automations(ona(), everything=True), *[settings.ALL_AUTOMATIONS_SECONDS] * 2),
            (poller.follow_all, settings.FOLLOW_SECONDS, settings.FOLLOW_SECONDS * rarer),
            (lambda: audit_log.sync_audit_logs(ona()), *[settings.AUDIT_LOG_SECONDS] * 2),
            (lambda: sync_directory(ona()), *[settings.DIRECTORY_SECONDS] * 2),
        )
        before = after = 0.0
        for job, usual, watched in jobs:
            job()  # the first time may have more to read
            count = sum(sandbox.requests.values())
            job()
            count = sum(sandbox.requests.values()) - count
            before, after = before + count * 3600 / usual, after + count * 3600 / watched
        return {"before": before, "after": after}
