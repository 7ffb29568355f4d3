"""How long it takes to make evidence of 100,000 environments and to verify it, and how much memory.

`python -m tests.benchmarks.evidence make|verify FILE` does one of them in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.exports import most_memory


def fill(rows: int) -> None:
    """Environments with ten transitions each, and a chain with as many entries as there are environments."""
    from tests.benchmarks import chain, exports

    exports.fill(rows)
    chain.fill(rows)


def make(path: Path) -> None:
    """A pack with everything of the last ten days."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from environments.evidence import build

    actor, _ = User.objects.get_or_create(username="bench-evidence", is_superuser=True)
    wanted = build.PackRequest(timezone.now() - timedelta(days=10))
    with path.open("w+b") as into:
        build.build_pack(wanted, {"actor": actor, "reason": "a benchmark"}, into)


def verify(path: Path) -> None:
    """It has to hold."""
    from environments.evidence import signing
    from environments.evidence import verify as evidence_verify

    with path.open("rb") as file:
        report = evidence_verify.verify(file, evidence_verify.Trust(signing.own_keys(), "one of this portal's"))
    assert report.code == 0, report.summary


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ["PORTAL_LOG_LEVEL"] = "ERROR"
    django.setup()
    path = Path(sys.argv[2])
    before, began = most_memory(), time.perf_counter()
    {"make": make, "verify": verify}[sys.argv[1]](path)
    seconds, after = time.perf_counter() - began, most_memory()
    print(json.dumps({"seconds": seconds, "megabytes": (after - before) / 1024, "bytes": path.stat().st_size}))


if __name__ == "__main__":
    main()
