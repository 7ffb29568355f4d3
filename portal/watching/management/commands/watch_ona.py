from __future__ import annotations

import signal
import time
from typing import Any

from django.core.management.base import BaseCommand

from environments.sync.job import exclusive_lock
from portal import celery as celery  # early listings are requested of its workers
from portal.watching.watcher import Watcher

STANDBY_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Read Ona's event stream until it is stopped, so that changes are in the tables within a second. One process "
        "does so at a time; another waits until it ends."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        watcher = Watcher()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop())
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            watcher.stop()

        while not stopped:
            with exclusive_lock("watching") as is_ours:
                if is_ours:
                    watcher.run()
                    return
            time.sleep(STANDBY_SECONDS)
