from typing import Any

from django.core.management.base import BaseCommand

from environments.management.sync_command import run_sync
from environments.models import SyncRun
from environments.sync.audit_log import sync_audit_logs


class Command(BaseCommand):
    help = "Read what is new in Ona's own audit log, and some of what was left of it: run it again for the rest."

    def handle(self, *args: Any, **options: Any) -> str:
        return run_sync("entries", SyncRun.Kind.AUDIT_LOGS, lambda client, progress: sync_audit_logs(client))
