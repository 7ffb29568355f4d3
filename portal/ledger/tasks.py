"""Celery tasks of the ledger."""

from celery import shared_task

from .chain import kept_verifications


@shared_task(acks_late=False)
def verify_ledger() -> None:
    """Verify the chain and keep the result for `/operations/`."""
    kept_verifications.verify_and_keep()
