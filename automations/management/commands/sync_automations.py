from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from automations.sync import sync_automations
from environments.commands import run_sync
from environments.models import SyncRun


class Command(BaseCommand):
    help = "List services, tasks and task executions at Ona and bring the cache up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--running", action="store_true", help="of running environments only")

    def handle(self, *args: Any, running: bool, **options: Any) -> str:
        kind = SyncRun.Kind.AUTOMATIONS if running else SyncRun.Kind.ALL_AUTOMATIONS
        return run_sync(
            "automations", kind, lambda client, progress: sync_automations(client, progress, everything=not running)
        )
