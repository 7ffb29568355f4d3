"""Celery tasks of the sync. A run that is lost with its worker is not repeated: the next one is never far."""

from celery import shared_task

from .actions import reconcile
from .models import SyncRun
from .overview import refresh
from .secrets import sync as secrets
from .sync import audit_log, directory, full_listing
from .sync.job import with_ona


@shared_task(acks_late=False)
def sync_environments() -> None:
    """One sweep, and what the overview shows of it."""
    refresh.after_sweep(with_ona(SyncRun.Kind.ENVIRONMENTS, full_listing.sweep))


@shared_task(acks_late=False)
def sync_directory() -> None:
    """Names and policies, and then the secrets, which go by what the directory lists."""
    with_ona(SyncRun.Kind.DIRECTORY, directory.sync_directory)
    with_ona(SyncRun.Kind.SECRETS, secrets.sync_secrets)


@shared_task(acks_late=False)
def sync_audit_logs() -> None:
    """What is new in Ona's own audit log."""
    with_ona(SyncRun.Kind.AUDIT_LOGS, audit_log.sync_audit_logs)


@shared_task(acks_late=False)
def settle_operations() -> None:
    """Find out what became of changes whose answer was never read."""
    reconcile.settle_operations()
