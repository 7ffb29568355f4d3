"""Celery tasks of the automations' sync."""

from celery import shared_task

from environments.models import SyncRun
from environments.runs import with_ona

from . import following, sync
from .batches import driving


@shared_task(acks_late=False)
def sync_automations(everything: bool) -> None:
    """Services, tasks and executions of running environments, or of all."""
    kind = SyncRun.Kind.ALL_AUTOMATIONS if everything else SyncRun.Kind.AUTOMATIONS
    with_ona(kind, lambda client: sync.sync_automations(client, everything=everything))


@shared_task(acks_late=False)
def follow_executions() -> None:
    """Executions and services under way, between two syncs."""
    following.follow_all()


@shared_task(acks_late=False)
def drive_batches() -> None:
    """What is to be asked for in many environments, a few at a time; what is lost with a worker is taken up again."""
    driving.drive_batches()
