from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from automations.sync.observe import sync_automations
from environments.management.sync_command import run_sync
from environments.models import SyncRun


class Command(BaseCommand):
    help = "List services, tasks and task executions at Ona and bring the cache up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--running", action="store_true", help="of running environments only")
        parser.add_argument(
            "--accept-losses",
            action="store_true",
            help="mark them as deleted even if that is more than a tenth of all (each is still requested)",
        )

    def handle(self, *args: Any, running: bool, accept_losses: bool, **options: Any) -> str:
        return run_sync(
            "automations",
            SyncRun.Kind.AUTOMATIONS if running else SyncRun.Kind.ALL_AUTOMATIONS,
            lambda client, progress: sync_automations(
                client, progress, everything=not running, accept_losses=accept_losses
            ),
        )
