"""A process of the portal's that is killed in the middle of a change: one fork for each line of JSON on stdin.

A line is {kind, environment, actor, dies}: `dies` is where it kills itself, or nothing where the test does the killing.
If it has a `request`, [address, body, headers], the change is requested by that over the REST API. Each fork is
answered by a line with its process id.
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
from django.test import Client  # noqa: E402

from portal.ledger import recording  # noqa: E402
from portal.ona import OnaClient  # noqa: E402
from tests.environments.actions.kinds import ask  # noqa: E402


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_killed(line: dict[str, Any]) -> None:
    settings.ONA_BASE_URL, settings.ONA_API_KEY = line["base_url"], line["token"]
    connection.settings_dict["NAME"] = line["database"]
    if line["dies"]:
        setattr(recording, line["dies"], die)
    if line["request"]:
        address, body, headers = line["request"]
        Client().post(address, body, content_type="application/json", headers=headers)
        return
    ask(line["kind"], line["environment"], line["actor"])


OnaClient("warm", "http://127.0.0.1:9/api").close()  # every fork has the certificates that the first client reads

for text in sys.stdin:
    process = os.fork()
    if process == 0:
        be_killed(json.loads(text))
        os._exit(0)
    print(process, flush=True)  # noqa: T201
    os.waitpid(process, 0)
    print("dead", flush=True)  # noqa: T201
