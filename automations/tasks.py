"""Celery tasks of the automations' sync."""

from celery import shared_task

from environments.models import SyncRun
from environments.sync.job import run_with_client

from .batches import worker
from .sync import observe, poller


@shared_task(acks_late=False)
def sync_automations(everything: bool) -> None:
    """Services, tasks and executions of running environments, or of all."""
    kind = SyncRun.Kind.ALL_AUTOMATIONS if everything else SyncRun.Kind.AUTOMATIONS
    run_with_client(kind, lambda client: observe.sync_automations(client, everything=everything))


@shared_task(acks_late=False)
def follow_executions() -> None:
    """Executions and services under way, between two syncs."""
    poller.follow_all()


@shared_task(acks_late=False)
def drive_batches() -> None:
    """What is to be asked for in many environments, a few at a time; what is lost with a worker is taken up again."""
    worker.drive_batches()
