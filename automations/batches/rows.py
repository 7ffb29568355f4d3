"""How far batches have come, and what came of each of their environments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count
from django.urls import reverse

from automations.batches.inverse import is_by_values
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.models import ENDED, Batch, BatchItem, ItemState
from portal.ledger.models import Operation

TONES = {
    ItemState.WAITING: "gray", ItemState.ASKED: "blue", ItemState.UNDER_WAY: "blue", ItemState.SUCCEEDED: "green",
    ItemState.FAILED: "red", ItemState.STOPPED: "amber", ItemState.LEFT_OUT: "gray", ItemState.UNKNOWN: "amber",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many items are in a state; `url` shows them alone."""

    state: str
    label: str
    tone: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A batch as the list shows it."""

    batch: Batch
    kind: Kind
    counts: list[StateCount]
    total: int
    ended: int
    operation: Operation | None

    @property
    def lockdown_at(self) -> datetime | None:
        """When the environments are to be locked down, if that was requested."""
        return lockdown_of(self.operation.request) if self.operation else None

    @property
    def words(self) -> str:
        """What is done, before the number of environments."""
        is_undoing = self.batch.undo_of and is_by_values(self.kind.action)
        return f"{'Undo: ' if is_undoing else ''}{self.kind.many.words}"

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """What else was requested, as labels and words."""
        return self.kind.many.chosen(self.operation.request) if self.operation else []

    def count(self, *states: str) -> int:
        return sum(count.count for count in self.counts if count.state in states)


def lines(batches: Iterable[Batch], current: str = "") -> list[Line]:
    """Two queries, whatever their number; `current` is the state whose items are shown."""
    batches = list(batches)
    operations = Operation.objects.in_bulk([batch.pk for batch in batches])
    counts = counts_of(batches)
    return [_line(batch, operations.get(batch.pk), counts.get(batch.pk, {}), current) for batch in batches]


def counts_of(batches: Iterable[Batch]) -> dict[UUID, dict[str, int]]:
    """Of each batch how many environments are in which state; one query."""
    counted: dict[UUID, dict[str, int]] = {}
    rows = BatchItem.objects.filter(batch__in=batches).values_list("batch", "state").annotate(count=Count("pk"))
    for batch_id, state, count in rows:
        counted.setdefault(batch_id, {})[state] = count
    return counted


def _line(batch: Batch, operation: Operation | None, counts: dict[str, int], current: str) -> Line:
    here = reverse("automations:batch", args=[batch.pk])
    shown = [
        StateCount(each.value, each.label, TONES[each], counts[each], f"{here}?state={each.value}", each == current)
        for each in ItemState
        if counts.get(each)
    ]
    ended = sum(counts.get(state, 0) for state in ENDED)
    return Line(batch, KINDS[batch.action], shown, sum(counts.values()), ended, operation)
