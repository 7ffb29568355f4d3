"""The list of executions as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from automations.executions.query import State, chips
from environments.list.exports import word
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.keyset import in_order

COLUMNS = {
    "id": "id", "phase": "phase", "reference": "reference", "task_id": "task_id", "task": "task_name",
    "environment_id": "environment_id", "environment": "environment_name", "project_id": "project_id",
    "project": "project_name", "owner_id": "owner_id", "owner": "owner_name", "started_by": "started_by",
    "started_by_name": "started_by_name", "created_at": "created_at", "started_at": "started_at",
    "completed_at": "completed_at", "took_seconds": "duration", "failure": "failure",
    "first_seen_at": "first_seen_at", "seen_at": "seen_at", "gone_at": "gone_at",
}  # fmt: skip


def executions(asking: Asking, state: State) -> Export:
    """The executions of a list, all in its order; read in a snapshot."""
    found = state.filters.qs
    said = head(asking, filters=chips(state), order=state.place.order, count=found.order_by().count())
    return Export("executions", "Executions", said, list(COLUMNS), _rows(state))


def _rows(state: State) -> Iterator[Sequence[Any]]:
    rows = in_order(state.filters.qs, state.place.order).values_list(*COLUMNS.values())
    phase = list(COLUMNS).index("phase")
    for piece in read_within(lambda: streamed(rows)):
        for values in piece:
            row = [None if value == "" else value for value in values]
            row[phase] = word(row[phase])
            yield row
