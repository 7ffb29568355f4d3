"""The Celery task of the outbox."""

from celery import shared_task

from portal.outbox import delivery


@shared_task(acks_late=False)
def deliver_messages() -> None:
    """Send what is due; what is lost with a worker is sent again."""
    delivery.deliver_due()


@shared_task(acks_late=False)
def delete_old_messages() -> None:
    """Delete what was delivered long ago."""
    delivery.delete_old()
