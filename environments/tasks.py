"""Celery tasks of the sync. A run that is lost with its worker is not repeated: the next one is never far."""

from celery import shared_task

from portal.directory.connection import ona

from . import directory, sync


@shared_task(acks_late=False)
def sync_environments() -> None:
    """One sweep."""
    sync.sweep(ona())


@shared_task(acks_late=False)
def sync_directory() -> None:
    """Names and policies."""
    directory.sync_directory(ona())
