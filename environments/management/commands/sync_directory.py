from typing import Any

from django.core.management.base import BaseCommand

from environments.management.sync_command import run_sync
from environments.models import SyncRun
from environments.sync.directory import sync_directory


class Command(BaseCommand):
    help = "Fetch members, projects, runners, environment classes and policies from Ona."

    def handle(self, *args: Any, **options: Any) -> str:
        return run_sync("entries", SyncRun.Kind.DIRECTORY, lambda client, progress: sync_directory(client))
