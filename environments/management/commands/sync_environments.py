from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from environments.management.sync_command import run_sync
from environments.models import SyncRun
from environments.sync.full_listing import sync_environments


class Command(BaseCommand):
    help = "List every environment at Ona and bring the cache up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--accept-losses",
            action="store_true",
            help="mark environments as deleted even if that is more than a tenth of all (each is still requested)",
        )

    def handle(self, *args: Any, accept_losses: bool, **options: Any) -> str:
        return run_sync(
            "environments",
            SyncRun.Kind.ENVIRONMENTS,
            lambda client, progress: sync_environments(client, progress, accept_losses=accept_losses),
        )
