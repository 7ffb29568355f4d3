"""Celery tasks of the automations' sync."""

from celery import shared_task

from portal.directory.connection import ona

from .sync import sync_automations as sync


@shared_task(acks_late=False)
def sync_automations(everything: bool) -> None:
    """Services, tasks and executions of running environments, or of all."""
    sync(ona(), everything=everything)
