"""Celery tasks of the automations' sync; Celery finds those of the rooms through this module."""

from celery import shared_task

from environments.models import SyncRun
from environments.sync.freshness import is_due
from environments.sync.job import run_with_client

from .batches.tasks import drive_batches
from .sync import observe, poller

__all__ = ["drive_batches", "follow_executions", "sync_automations"]


@shared_task(acks_late=False)
def sync_automations(everything: bool, if_due: bool = False) -> None:
    """Services, tasks and executions of running environments, or of all; `if_due` as for environments."""
    kind = SyncRun.Kind.ALL_AUTOMATIONS if everything else SyncRun.Kind.AUTOMATIONS
    if if_due and not is_due(kind):
        return
    run_with_client(kind, lambda client: observe.sync_automations(client, everything=everything))


@shared_task(acks_late=False)
def follow_executions(if_due: bool = False) -> None:
    """Executions and services under way, between two syncs; `if_due` as for environments."""
    if not if_due or poller.is_due():
        poller.follow_all()
