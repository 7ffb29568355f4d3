"""What-if as a table: one row per affected environment and question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from environments.audit.what_if_list import HitState, chips
from environments.list.exports import word
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.keyset import in_order

COLUMNS = {
    "id": "id", "name": "name", "phase": "phase", "owner_id": "creator_id", "owner": "owner_name",
    "project_id": "project_id", "project": "project_name", "runner_id": "runner_id", "runner": "runner_name",
    "created_at": "created_at", "last_used_at": "last_used_at", "archived_at": "archived_at",
    "lockdown_at": "lockdown_at", "unpushed_work": "unpushed_work", "unpushed_commits": "unpushed_commits",
    "changed_files": "changed_files", "counted_since": "since", "hit_at": "hit_at",
}  # fmt: skip
NOTE = "hit_at is empty where it cannot be told; such rows come last. Nothing was changed."


def what_if(asking: Asking, asked: Sequence[HitState]) -> Export:
    """The answers one after another, each in its order; read in a snapshot."""
    first = asked[0]  # the filters are the same for all
    count = sum(each.rows.order_by().count() for each in asked)
    said = head(asking, filters=(), order=first.listed.place.order, count=count) | {"note": NOTE}
    said["filters"] = [f"{each.question.label}: {each.value} {each.question.unit_word}" for each in asked]
    said["filters"] += [f"{chip.label}: {chip.text}" if chip.label else chip.text for chip in chips(first)]
    said["questions"] = {each.name: each.question.means for each in asked}
    return Export("what-if", "What other policies would hit", said, ["question", *COLUMNS], _rows(asked))


def _rows(asked: Sequence[HitState]) -> Iterator[Sequence[Any]]:
    for each in asked:
        found = in_order(each.rows, each.listed.place.order).values_list(*COLUMNS.values())
        for piece in read_within(lambda found=found: streamed(found)):  # type: ignore[misc]
            for pk, label, phase, *rest in piece:
                yield [each.name, pk, label or None, word(phase), *(None if cell == "" else cell for cell in rest)]
