"""How long exports take and how much memory, at 100,000 environments, ten transitions of each and as many operations.

`python -m tests.benchmarks.exports URL` reads one export through Django's test client, `… copy` or `… copy-ledger` has
Postgres write the columns of the environments or of the ledger by itself; each in a process of its own, which tells its
seconds and by how much its memory grew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

DAY = timedelta(days=1)
LEDGER = "/operations/export/?format=csv"


def fill(rows: int) -> None:
    """Environments with their stops and starts, policies and sweeps, and as many operations."""
    from django.utils import timezone

    from tests.benchmarks import acting, audit
    from tests.support import audits

    audit.fill(rows)
    acting.fill(rows)
    audits.policies(lifetime=30, archive=3, delete=14)
    now = timezone.now()
    audits.swept(*(now - number * DAY for number in range(40)))


def urls() -> Mapping[str, str]:
    """What is exported, by its name."""
    from django.utils import timezone

    from environments.as_of.clock import written

    then = urlencode({"as_of": written(timezone.now() - 7 * DAY)})
    return {
        "environments, CSV": "/environments/export/?format=csv",
        "environments, JSON": "/environments/export/?format=json",
        "environments as of a week ago, CSV": f"/environments/export/?format=csv&{then}",
        "audit of lockdown, CSV": "/audit/lockdown/export/?format=csv",
        "audit of archive, JSON": "/audit/archive/export/?format=json",
        "operations of the ledger, CSV": LEDGER,
    }


def copy_beside(url: str) -> str:
    """The name of what Postgres writes by itself of the same rows."""
    return "copy-ledger" if url == LEDGER else "copy"


def _export(url: str) -> int:
    """Its bytes; it has to be whole."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    user, _ = User.objects.get_or_create(username="bench-exports", is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(url)
    assert answer.status_code == 200, answer.content
    size, last = 0, b""
    for piece in answer.streaming_content:
        size, last = size + len(piece), piece
    assert last.rstrip().endswith((b"#,complete,true", b'"complete":true}')), last[-100:]
    return size


def _copy(what: str) -> int:
    """The same columns as Postgres writes them, without a head, an order or a thought for spreadsheets."""
    from django.db import connection

    from environments.list import exports
    from portal.ledger import list as ledger

    if what == "copy-ledger":
        columns, rows = ledger.EXPORTED.values(), "ledger_operation"
    else:
        columns, rows = exports.COLUMNS.values(), "environments_environment WHERE gone_at IS NULL"
    named = ", ".join(f'"{name}"' for name in columns)
    sql = f"COPY (SELECT {named} FROM {rows}) TO STDOUT (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(sql) as copy:
        return sum(len(piece) for piece in copy)


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ["PORTAL_LOG_LEVEL"] = "ERROR"
    django.setup()
    what = sys.argv[1]
    read = _copy if what.startswith("copy") else _export
    _copy(what) if read is _copy else _export("/operations/export/?format=csv&origin=api")  # what is imported but once
    before, began = most_memory(), time.perf_counter()
    size = read(what)
    seconds, after = time.perf_counter() - began, most_memory()
    print(json.dumps({"seconds": seconds, "megabytes": (after - before) / 1024, "bytes": size}))


def most_memory() -> int:
    """KiB of this process at its peak; what getrusage tells begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
