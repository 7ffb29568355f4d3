"""A worker that sends what is due: one fork for each line of JSON on stdin, answered by its process id.

A line is {database, origins, timeout, dies}: `dies` is where the fork kills itself, or nothing where the test does the
killing. Its end is answered by another line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from portal.ona.log_hosts import guarded_client, public_hosts  # noqa: E402
from portal.outbox import delivery  # noqa: E402


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work(line: dict[str, Any]) -> None:
    settings.WEBHOOK_ORIGINS, settings.OUTBOX_TIMEOUT_SECONDS = line["origins"], line["timeout"]
    connection.settings_dict["NAME"] = line["database"]
    if line["dies"]:
        setattr(delivery, line["dies"], die)
    delivery.deliver_due()


guarded_client(public_hosts([]).source("https://warm.example/")).close()  # every fork has the certificates

for text in sys.stdin:
    process = os.fork()
    if process == 0:
        work(json.loads(text))
        os._exit(0)
    print(process, flush=True)  # noqa: T201
    _, status = os.waitpid(process, 0)
    print(status, flush=True)  # noqa: T201
