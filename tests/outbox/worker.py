"""A worker that sends what is due: one fork for each line of JSON on stdin, answered by its process id.

A line is {database, origins, timeout, dies, after}: `dies` is the function in which the fork kills itself, after so
many calls of it, or nothing where the test does the killing. Its end is answered by another line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from portal.ona.log_hosts import guarded_client, public_hosts  # noqa: E402
from portal.outbox import delivery  # noqa: E402


def dying(function: Callable[..., Any], after: int) -> Callable[..., Any]:
    calls = iter(range(after))

    def die(*given: Any) -> Any:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given)

    return die


def work(line: dict[str, Any]) -> None:
    settings.WEBHOOK_ORIGINS, settings.OUTBOX_TIMEOUT_SECONDS = line["origins"], line["timeout"]
    connection.settings_dict["NAME"] = line["database"]
    if line["dies"]:
        setattr(delivery, line["dies"], dying(getattr(delivery, line["dies"]), line["after"]))
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
