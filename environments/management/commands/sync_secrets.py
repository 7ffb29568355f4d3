from typing import Any

from django.core.management.base import BaseCommand

from environments.management.sync_command import run_sync
from environments.models import SyncRun
from environments.secrets.sync import sync_secrets


class Command(BaseCommand):
    help = "Fetch the organization's secrets from Ona, without their values: names, scopes, mounts."

    def handle(self, *args: Any, **options: Any) -> str:
        return run_sync("secrets", SyncRun.Kind.SECRETS, lambda client, progress: sync_secrets(client))
