"""Celery tasks of the sync. A run lost with its worker is not repeated: the next one follows soon."""

from celery import shared_task

from portal.directory.own_token import read_if_replaced

from .actions import reconcile
from .models import SyncRun
from .overview import refresh
from .secrets import sync as secrets
from .sync import audit_log, directory, full_listing
from .sync.freshness import is_due
from .sync.job import run_with_client


@shared_task(acks_late=False)
def sync_environments(if_due: bool = False) -> None:
    """List all environments, then update the overview. `if_due`: not if the event stream makes it needless yet.

    With another token than before at once: it may see another organization.
    """
    if not read_if_replaced() and if_due and not is_due(SyncRun.Kind.ENVIRONMENTS):
        return
    refresh.refresh_after(run_with_client(SyncRun.Kind.ENVIRONMENTS, full_listing.sync_environments))


@shared_task(acks_late=False)
def sync_directory() -> None:
    """Fetch names and policies, then the secrets of the scopes that they list."""
    run_with_client(SyncRun.Kind.DIRECTORY, directory.sync_directory)
    run_with_client(SyncRun.Kind.SECRETS, secrets.sync_secrets)


@shared_task(acks_late=False)
def sync_audit_logs() -> None:
    """Read new entries of Ona's audit log."""
    run_with_client(SyncRun.Kind.AUDIT_LOGS, audit_log.sync_audit_logs)


@shared_task(acks_late=False)
def settle_operations() -> None:
    """Reconcile operations whose answer was never read."""
    reconcile.settle_operations()
