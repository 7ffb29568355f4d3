"""Batches as a table, and the environments of one with what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count

from automations.batches.registry import lockdown_of
from automations.models import Batch, BatchItem, ItemState
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.ledger.models import Operation
from portal.lists.keyset import in_order
from portal.lists.place import Chip, Place

COLUMNS = (
    "id", "action", "reference", "lockdown_at", "asked_by", "reason", "asked_at", "at_once", "stop_after", "again_of",
    "cancelled_at", "cancelled_by", "closed_at", "trouble", "environments", *(str(state) for state in ItemState.values),
)  # fmt: skip
ITEMS = {
    "id": "id", "environment_id": "environment_id", "environment": "environment_name", "target_id": "target_id",
    "state": "state", "why": "why", "operation_id": "operation_id", "execution_id": "execution_id",
    "attempts": "attempts", "began_at": "began_at", "ended_at": "ended_at",
}  # fmt: skip


def batches(asking: Asking, place: Place) -> Export:
    """All batches in the list's order, with how many environments of each are in which state."""
    said = head(asking, filters=(), order=place.order, count=Batch.objects.count())
    return Export("batches", "Batches", said, COLUMNS, _rows(place))


def items(asking: Asking, batch: Batch, state: str) -> Export:
    """The environments of a batch by name; those in one state where it is given."""
    found = batch.items.filter(state=state) if state else batch.items.all()
    chips = [Chip("State", str(ItemState(state).label), "")] if state else []
    said = {"batch": batch.pk, "action": batch.action, "reference": batch.reference or None}
    said |= head(asking, filters=chips, order="environment", count=found.count())
    rows = found.order_by("environment_name", "pk").values_list(*ITEMS.values())
    return Export(f"batch-{str(batch.pk)[:8]}", f"Batch: {batch}", said, list(ITEMS), _known(rows))


def _rows(place: Place) -> Iterator[Sequence[Any]]:
    """Two queries more for each piece of them."""
    for piece in read_within(lambda: streamed(in_order(Batch.objects.all(), place.order))):
        operations = Operation.objects.in_bulk([batch.pk for batch in piece])
        counts = _counts(piece)
        for batch in piece:
            yield _row(batch, operations.get(batch.pk), counts.get(batch.pk, {}))


def _row(batch: Batch, operation: Operation | None, counts: dict[str, int]) -> Sequence[Any]:
    asked = (operation.actor_name, operation.reason or None) if operation else (None, None)
    lockdown_at = lockdown_of(operation.request) if operation else None
    return (
        batch.pk, batch.action, batch.reference or None, lockdown_at, *asked, batch.asked_at, batch.at_once,
        batch.stop_after, batch.again_of, batch.cancelled_at, batch.cancelled_by or None, batch.closed_at,
        batch.trouble or None, sum(counts.values()), *(counts.get(state, 0) for state in ItemState.values),
    )  # fmt: skip


def _counts(batches: list[Batch]) -> dict[UUID, dict[str, int]]:
    counted: dict[UUID, dict[str, int]] = {}
    rows = BatchItem.objects.filter(batch__in=batches).values_list("batch", "state").annotate(count=Count("pk"))
    for batch_id, state, count in rows:
        counted.setdefault(batch_id, {})[state] = count
    return counted


def _known(rows: Any) -> Iterator[Sequence[Any]]:
    for piece in read_within(lambda: streamed(rows)):
        for values in piece:
            yield [None if value == "" else value for value in values]
