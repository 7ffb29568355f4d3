"""A process that reads Ona's audit log and is killed after its first page."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402

from environments.sync.audit_log import sync_audit_logs  # noqa: E402
from portal.ona import OnaClient  # noqa: E402


class Doomed(OnaClient):
    """A client whose process dies when the second page is asked for."""

    def audit_log_pages(self, **options: Any) -> Iterator[Any]:
        yield from list(super().audit_log_pages(**options))[:1]
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    connection.settings_dict["NAME"] = os.environ["VICTIM_DATABASE"]
    sync_audit_logs(Doomed(os.environ["VICTIM_TOKEN"], os.environ["VICTIM_URL"]))
