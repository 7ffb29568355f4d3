"""The Celery task of batches."""

from celery import shared_task

from automations.batches import worker


@shared_task(acks_late=False)
def drive_batches() -> None:
    """What is to be asked for in many environments, a few at a time; what is lost with a worker is taken up again."""
    worker.drive_batches()
