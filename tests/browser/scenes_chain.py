"""Scenes of the ledger's chain: verified, and found broken. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import transaction
from playwright.sync_api import Page

from portal.ledger.chain.kept_verifications import verify_and_keep
from portal.ledger.models import Operation
from tests.ledger.chain.tampering import unguarded

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

LIST = "/operations/?size=25"


def chain(scene: type[Scene]) -> Iterator[Scene]:
    """A ledger with operations: its chain verified, one row changed past it and found, and all as it was."""
    verify_and_keep()
    yield scene("operations-chain", LIST, then=_unfold)
    changed = Operation.objects.newest_first()[0]
    _say(changed, "because")
    broken = verify_and_keep()
    yield scene("operations-chain-broken", LIST, then=_unfold)
    _say(changed, changed.reason)
    with transaction.atomic(), unguarded():
        broken.delete()


def _say(operation: Operation, reason: str) -> None:
    with transaction.atomic(), unguarded():
        Operation.objects.filter(pk=operation.pk).update(reason=reason)


def _unfold(page: Page) -> None:
    page.locator(".op-chain summary").click()
