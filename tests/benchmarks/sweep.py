"""One measurement of a sweep, in a process of its own so that its peak memory is its own.

`python -m tests.benchmarks.sweep MEASUREMENT BASE_URL` prints {"seconds", "megabytes", "environments"} as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module

import django
import httpx
import msgspec

TOKEN = "sandbox-token"
BUDGET = 100.0  # requests per second where a budget is set
UNLIMITED = 1_000_000.0


def bare_loop(base_url: str) -> int:
    """List and parse, one page after another, and nothing else: what no sweep can be faster than."""
    url = f"{base_url}/gitpod.v1.EnvironmentService/ListEnvironments"
    listed, token = 0, ""
    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        while True:
            request = {
                "pagination": {"pageSize": 100, "token": token},
                "filter": {"archivalStatus": "ARCHIVAL_STATUS_ALL"},
            }
            page = msgspec.json.decode(client.post(url, json=request).content)
            listed += len(page["environments"])
            token = page.get("pagination", {}).get("nextToken", "")
            if not token:
                return listed


def sweep(base_url: str, *, requests_per_second: float = UNLIMITED, concurrency: int | None = None) -> int:
    """A whole sweep as the worker does it."""
    from django.conf import settings

    from environments.sync.full_listing import sync_environments
    from portal.ona import OnaClient

    settings.ONA_CONCURRENCY = concurrency or settings.ONA_CONCURRENCY
    with OnaClient(TOKEN, base_url, requests_per_second=requests_per_second) as client:
        run = sync_environments(client)
    if run is None or run.state != "succeeded":
        raise SystemExit(f"the sweep failed: {run and run.error}")
    return run.listed


MEASUREMENTS: dict[str, Callable[[str], int]] = {
    "bare": bare_loop,
    "sweep": sweep,
    "sweep_sequential": lambda url: sweep(url, requests_per_second=BUDGET, concurrency=1),
    "sweep_sliced": lambda url: sweep(url, requests_per_second=BUDGET),
}


def main(name: str, base_url: str) -> None:
    django.setup()
    import_module("environments.sync.observe")  # a worker has imported it long before
    began = time.perf_counter()
    listed = MEASUREMENTS[name](base_url)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "environments": listed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
