"""Whom other policies would hit, as a table: every environment, once for each question that was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F

from environments.audit.what_if import QUESTIONS, reached
from environments.exports.fleet import word
from portal.web.downloads import Asking, head
from portal.web.exporting import Export
from portal.web.snapshots import read_within, streamed

COLUMNS = {
    "id": "id", "name": "name", "phase": "phase", "owner_id": "creator_id", "owner": "owner_name",
    "project_id": "project_id", "project": "project_name", "runner_id": "runner_id", "runner": "runner_name",
    "created_at": "created_at", "last_used_at": "last_used_at", "archived_at": "archived_at",
    "lockdown_at": "lockdown_at", "unpushed_work": "unpushed_work", "unpushed_commits": "unpushed_commits",
    "changed_files": "changed_files", "counted_since": "since", "hit_at": "hit_at",
}  # fmt: skip
NOTE = "hit_at is empty where it cannot be told; such rows come last. Nothing was changed."


def what_if(asking: Asking, asked: Mapping[str, int]) -> Export:
    """The answers one after another, each by time; read in a snapshot."""
    count = sum(reached(name, value).count() for name, value in asked.items())
    said = head(asking, chips=(), order="when", count=count) | {"note": NOTE}
    said["filters"] = [f"{QUESTIONS[name].label}: {value} {QUESTIONS[name].unit_word}" for name, value in asked.items()]
    said["questions"] = {name: QUESTIONS[name].means for name in asked}
    return Export("what-if", "What other policies would hit", said, ["question", *COLUMNS], _rows(asked))


def _rows(asked: Mapping[str, int]) -> Iterator[Sequence[Any]]:
    for name, value in asked.items():
        found = reached(name, value).order_by(F("hit_at").asc(nulls_last=True), "pk").values_list(*COLUMNS.values())
        for piece in read_within(lambda found=found: streamed(found)):  # type: ignore[misc]
            for pk, label, phase, *rest in piece:
                yield [name, pk, label or None, word(phase), *(None if each == "" else each for each in rest)]
