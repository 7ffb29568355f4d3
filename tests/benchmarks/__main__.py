"""`make bench`: the figures the portal is held to, each beside what it is compared with.

`python -m tests.benchmarks [--quick]`; --quick takes a tenth of the environments, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import tests.services  # noqa: F401  (Postgres and Redis of its own, before Django reads its settings)

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
LATENCY_MS = 80
PARTS = (
    "sweep",
    "memory",
    "list",
    "automations",
    "overview",
    "audit",
    "acting",
    "stream",
    "exports",
    "evidence",
    "chain",
    "api",
    "load",
    "live",
)


@dataclass
class Result:
    """One line of the table: what was measured, against what, the figure asked for."""

    what: str
    figure: str
    peer: str
    ratio: str
    goal: str


@contextmanager
def sandbox(environments: int, latency_ms: int = 0) -> Iterator[str]:
    """A stand-in Ona in a process of its own, standing still; its base URL."""
    command = [sys.executable, "-m", "portal.sandbox", "--port", "0", "--seed", "1", "--speed", "0"]
    command += ["--environments", str(environments), "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(line.split()[-1] for line in process.stdout if "http://" in line)
    finally:
        process.terminate()
        process.wait()


def measure(name: str, *arguments: str, module: str = "sweep") -> dict[str, float]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", name, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def empty_cache() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE environments_environment, environments_sighting CASCADE")


def median(name: str, base_url: str, times: int = 3, *, fresh: bool = False) -> dict[str, float]:
    """The run in the middle of `times`; `fresh` empties the cache before each."""
    runs = []
    for _ in range(times):
        if fresh:
            empty_cache()
        runs.append(measure(name, base_url))
    return sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]


def bench_sweep(environments: int) -> Iterator[Result]:
    with sandbox(environments) as base_url:
        bare = median("bare", base_url)
        new = median("sweep", base_url, fresh=True)
        same = median("sweep", base_url)
        peer = f"bare loop {bare['seconds']:.2f} s"
        yield _against(f"sweep of {environments:,}, nothing changed", same, peer, bare, "≤ 1.5 ×")
        yield _against(f"sweep of {environments:,}, all new", new, peer, bare, "≤ 3 ×")
    with sandbox(environments, LATENCY_MS) as base_url:
        empty_cache()
        slow = measure("sweep_sequential", base_url)
        sliced = median("sweep_sliced", base_url)
        empty_cache()
        first = measure("sweep_sliced", base_url)
        peer = f"page after page {slow['seconds']:.2f} s"
        what = f"sweep of {environments:,} at {LATENCY_MS} ms, at most 100 requests/s"
        yield _faster(f"{what}, nothing changed", sliced, peer, slow, "≥ 4 × faster")
        yield _faster(f"{what}, all new", first, peer, slow, "≥ 4 × faster")


def bench_memory(environments: int) -> Iterator[Result]:
    peaks = {}
    for count in (environments, 10 * environments):
        empty_cache()
        with sandbox(count) as base_url:
            peaks[count] = measure("sweep", base_url)
    small, large = peaks[environments], peaks[10 * environments]
    yield Result(
        f"peak memory of a sweep of {10 * environments:,}, all new ({large['seconds']:.1f} s)",
        f"{large['megabytes']:.0f} MB",
        f"of {environments:,}: {small['megabytes']:.0f} MB",
        f"{large['megabytes'] / small['megabytes']:.2f} ×",
        "flat",
    )


def bench_list(rows: int) -> Iterator[Result]:
    """Every way to look at the list, beside Django admin's changelist of the same table in the same run."""
    from tests.benchmarks.list_page import measure as measure_list

    measured = measure_list(rows)
    admin = next(each.p95 for each in measured if each.name == "admin")
    for each in measured:
        if not each.name.startswith("admin"):
            goal = "≤ 0.2 ×" if each.is_page else ""
            peer = f"admin's changelist {admin:.0f} ms"
            yield Result(
                f"{each.name}, {rows:,} rows, p95", f"{each.p95:.1f} ms", peer, f"{each.p95 / admin:.2f} ×", goal
            )


def bench_automations(rows: int) -> Iterator[Result]:
    """The lists across the organization, beside Django admin's changelist of executions in the same run."""
    from tests.benchmarks.automations import measure as measure_automations

    measured, seconds = measure_automations(rows)
    admin = next(each.p95 for each in measured if each.name == "admin")
    peer = f"admin's changelist {admin:.0f} ms"
    for each in measured:
        if each.name != "admin":
            goal = "≤ 0.2 ×" if each.is_page else ""
            yield Result(
                f"executions: {each.name}, {rows:,}, p95", f"{each.p95:.1f} ms", peer, f"{each.p95 / admin:.2f} ×", goal
            )
    yield Result(f"tasks and services by reference, {3 * rows:,} tasks, counted anew", f"{seconds:.1f} s", "", "", "")


def bench_audit(rows: int) -> Iterator[Result]:
    """The audits, now and as of past moments, beside Django admin's changelist of environments in the same run."""
    from tests.benchmarks.audit import EACH
    from tests.benchmarks.audit import measure as measure_audit

    measured = measure_audit(rows)
    admin = next(each.p95 for each in measured if each.name == "admin")
    for each in measured:
        if each.name != "admin":
            what = f"audit: {each.name.removeprefix('list: ')}, {rows:,}, {EACH * rows:,} transitions, p95"
            peer = f"admin's changelist {admin:.0f} ms"
            goal = "≤ 0.2 ×" if each.is_page else ""
            yield Result(what, f"{each.p95:.1f} ms", peer, f"{each.p95 / admin:.2f} ×", goal)


def bench_acting(rows: int) -> Iterator[Result]:
    """The ledger's pages beside Django admin's, and one change beside the bare calls it makes."""
    from portal.sandbox.server import TOKEN
    from tests.benchmarks import acting

    measured = dict(acting.pages(rows))
    admin = measured.pop("admin")
    for name, p95 in measured.items():
        peer = f"admin's changelist {admin:.0f} ms"
        yield Result(f"{name}, {rows:,} rows, p95", f"{p95:.1f} ms", peer, f"{p95 / admin:.2f} ×", "")
    with sandbox(100) as base_url:
        portal, bare = acting.change(base_url, TOKEN)
    yield Result(
        "one change: fresh read, ledger, call, read-back",
        f"{portal * 1000:.1f} ms",
        f"its three calls alone {bare * 1000:.1f} ms",
        f"{portal / bare:.2f} ×",
        "",
    )


def bench_stream(rows: int) -> Iterator[Result]:
    """Operations and Ona's audit log in one stream, as many of each."""
    from tests.benchmarks import stream

    for name, p95 in stream.pages(rows):
        yield Result(f"{name}, {rows:,} operations and as many entries, p95", f"{p95:.1f} ms", "", "", "≤ 100 ms")


def bench_exports(rows: int) -> Iterator[Result]:
    """Files of all environments beside Postgres' own COPY of the same columns, and what they hold in memory."""
    from tests.benchmarks import exports

    growth = {}
    for count in (rows // 10, rows):
        exports.fill(count)
        growth[count] = {name: measure(url, module="exports") for name, url in exports.urls().items()}
    copies = {name: measure(name, module="exports") for name in ("copy", "copy-ledger")}
    for name, run in growth[rows].items():
        small, copied = growth[rows // 10][name], copies[exports.copy_beside(exports.urls()[name])]
        what = f"export of {rows:,} {name} ({run['bytes'] / 2**20:.0f} MB)"
        rate = f"{run['seconds']:.1f} s, {rows / run['seconds']:,.0f} rows/s"
        yield Result(
            what, rate, f"COPY {copied['seconds']:.2f} s", f"{run['seconds'] / copied['seconds']:.0f} ×", "≤ 60 s"
        )
        peer = f"of {rows // 10:,}: {small['megabytes']:.0f} MB"
        yield Result(f"{what}, memory it takes", f"{run['megabytes']:.0f} MB", peer, "", "flat")


def bench_evidence(rows: int) -> Iterator[Result]:
    """A signed pack made and verified, with everything of ten days; its memory beside that of a tenth of it."""
    from tests.benchmarks import evidence

    runs: dict[int, dict[str, dict[str, float]]] = {}
    with TemporaryDirectory() as folder:
        for count in (rows // 10, rows):
            evidence.fill(count)
            path = f"{folder}/{count}.zip"
            runs[count] = {name: measure(name, path, module="evidence") for name in ("make", "verify")}
    for name, run in runs[rows].items():
        what = f"evidence of {rows:,} ({run['bytes'] / 2**20:.0f} MB), {name}"
        memory = f"of {rows // 10:,}: {runs[rows // 10][name]['megabytes']:.0f} MB"
        yield Result(what, f"{run['seconds']:.1f} s", "", "", "")
        yield Result(f"{what}, memory it takes", f"{run['megabytes']:.0f} MB", memory, "", "flat")


def bench_chain(entries: int) -> Iterator[Result]:
    """What the ledger's chain costs each operation; its verification beside reading the same rows, and its memory."""
    from tests.benchmarks import chain

    chained, bare = chain.writes()
    peer = f"without the chain {bare * 1000:.2f} ms"
    yield Result(
        "an operation's three writes, chained", f"{chained * 1000:.2f} ms", peer, f"{chained / bare:.2f} ×", ""
    )
    peaks = {}
    for count in (entries // 10, entries):
        chain.fill(count)
        peaks[count] = measure("verify", module="chain")
    large, small, read = peaks[entries], peaks[entries // 10], measure("read", module="chain")
    what = f"verifying a chain of {entries:,} entries"
    yield _against(what, large, f"reading the rows alone {read['seconds']:.2f} s", read, "")
    yield Result(
        f"{what}, peak memory",
        f"{large['megabytes']:.0f} MB",
        f"of {entries // 10:,}: {small['megabytes']:.0f} MB",
        f"{large['megabytes'] / small['megabytes']:.2f} ×",
        "flat",
    )


def bench_overview(rows: int) -> Iterator[Result]:
    """The overview at ten transitions an environment, and what keeping it adds to a sweep; a busy timeline."""
    from tests.benchmarks.overview import measure as measure_overview

    measured, seconds = measure_overview(rows)
    for each in measured:
        what = f"{each.name}, {rows:,} environments, {10 * rows:,} transitions, p95"
        goal = "< 100 ms" if each.name.startswith("overview") else ""
        yield Result(what, f"{each.p95:.1f} ms", f"p50 {each.p50:.1f} ms", "", goal)
    kept, most = seconds["after a sweep"], seconds["at most"]
    yield Result(
        "keeping the overview after a sweep", f"{kept:.2f} s", f"with a look back over days {most:.2f} s", "", ""
    )
    yield Result("keeping it for the first time", f"{seconds['first']:.1f} s", "", "", "")


def bench_api(rows: int) -> Iterator[Result]:
    """Pages of 1,000 through the API, beside a bare DRF ModelViewSet and the page's own list in the same run."""
    from tests.benchmarks import api

    api.fill(rows)
    run = measure("walk", module="api")
    what = f"API: 1,000 of {rows:,} environments"
    for name, peer, goal in (("bare", "bare ModelViewSet", "≤ 0.5 ×"), ("list", "ten pages of the list", "")):
        told = f"{peer} {run[name] * 1000:.0f} ms"
        yield Result(f"{what}, p50", f"{run['ours'] * 1000:.0f} ms", told, f"{run['ours'] / run[name]:.2f} ×", goal)
    queries = f"{run['queries']:.0f} queries"
    yield Result(f"{what}, queries of a page", queries, f"fewest {run['fewest_queries']:.0f}", "", "constant")
    grown = f"{run['grown']:.1f} MB more"
    yield Result(f"{what}, memory since a quarter", grown, f"{run['megabytes']:.0f} MB in all", "", "flat")


def bench_load(rows: int) -> Iterator[Result]:
    """50 readers, 20 of them slow, and 5 pages as of a week ago, all at once on the web server."""
    from tests.benchmarks.load import PAST, QUICK, SLOW
    from tests.benchmarks.load import measure as measure_load

    for happened, load in measure_load(rows).items():
        what = f"{QUICK + SLOW} readers at once, {SLOW} of them slow, and {PAST} of the past, {rows:,}{happened}"
        answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(load.statuses.items()))
        for kind, name in (("quick", "a page"), ("past", "as of a week ago")):
            yield Result(f"{what}: {name}, p95", f"{load.p95(kind) / 1000:.1f} s", answers, "", "no 503")


def bench_live(changes: int, environments: int) -> Iterator[Result]:
    """Open pages: how soon they show a change at Ona, and what they cost while there is none."""
    from tests.benchmarks import live

    for latency in (0, LATENCY_MS):
        for page, times in live.measure_latency(changes, latency).items():
            what = (
                f"change at Ona → visible in an open page ({page}), {latency} ms a request, p50 / p95 of {len(times)}"
            )
            figure = f"{live.median(times) / 1000:.2f} / {live.p95(times) / 1000:.2f} s"
            yield Result(what, figure, "", "", "p95 ≤ 2 s")
    spent, polling = live.measure_idle(waits=True), sum(live.measure_idle(waits=False).values())
    parts = ", ".join(f"{name} {share:.1f} %" for name, share in spent.items())
    total = sum(spent.values())
    beside = f"{parts}; all, if they poll: {polling:.1f} %"
    what = f"{live.TABS} open tabs while nothing changes"
    yield Result(what, f"{total:.1f} % of a core", beside, f"{total / polling:.2f} ×", "≤ 10 %")
    requests = live.measure_requests(environments)
    ratio = f"{requests['after'] / requests['before']:.2f} ×"
    peer = f"without events {requests['before']:,.0f}"
    yield Result(
        f"requests an hour to Ona, {environments:,} quiet", f"{requests['after']:,.0f}", peer, ratio, "≤ 0.25 ×"
    )


def _against(what: str, run: dict[str, float], peer: str, other: dict[str, float], goal: str) -> Result:
    return Result(what, f"{run['seconds']:.2f} s", peer, f"{run['seconds'] / other['seconds']:.2f} ×", goal)


def _faster(what: str, run: dict[str, float], peer: str, other: dict[str, float], goal: str) -> Result:
    return Result(what, f"{run['seconds']:.2f} s", peer, f"{other['seconds'] / run['seconds']:.1f} × faster", goal)


def prepare_database() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def print_table(results: Iterable[Result]) -> None:
    """As Markdown, for the README; line by line, as the figures come."""
    print(f"\n{describe_machine()}\n\n| what | figure | beside | ratio | goal |\n|---|---|---|---|---|")
    for result in results:
        print(f"| {result.what} | {result.figure} | {result.peer} | {result.ratio} | {result.goal} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the environments")
    parser.add_argument("--only", choices=PARTS)
    arguments = parser.parse_args()
    size = 1_000 if arguments.quick else 10_000
    benches = {
        "sweep": lambda: bench_sweep(size),
        "memory": lambda: bench_memory(size),
        "list": lambda: bench_list(10 * size),
        "automations": lambda: bench_automations(10 * size),
        "audit": lambda: bench_audit(10 * size),
        "acting": lambda: bench_acting(20 * size),
        "stream": lambda: bench_stream(20 * size),
        "exports": lambda: bench_exports(10 * size),
        "evidence": lambda: bench_evidence(10 * size),
        "overview": lambda: bench_overview(10 * size),
        "chain": lambda: bench_chain(20 * size),
        "api": lambda: bench_api(10 * size),
        "load": lambda: bench_load(10 * size),
        "live": lambda: bench_live(200 if size == 10_000 else 40, size),
    }
    prepare_database()
    chosen = [arguments.only] if arguments.only else list(benches)
    print_table(result for name in chosen for result in benches[name]())


if __name__ == "__main__":
    main()
