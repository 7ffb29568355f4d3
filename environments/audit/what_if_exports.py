"""What-if as a table: one row per affected environment and question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import DateTimeField, QuerySet, TextField, UUIDField

from environments.audit.what_if import QUESTIONS
from environments.list.exports import word
from portal.exports.snapshot import read_within, streamed
from portal.lists.declaration import List, ListQuery, Table, without_blanks
from portal.lists.keyset import in_order

COLUMNS = {
    "id": "id", "name": "name", "phase": "phase", "owner_id": "creator_id", "owner": "owner_name",
    "project_id": "project_id", "project": "project_name", "runner_id": "runner_id", "runner": "runner_name",
    "created_at": "created_at", "last_used_at": "last_used_at", "archived_at": "archived_at",
    "lockdown_at": "lockdown_at", "unpushed_work": "unpushed_work", "unpushed_commits": "unpushed_commits",
    "changed_files": "changed_files", "counted_since": "since", "hit_at": "hit_at",
}  # fmt: skip
TYPES = {
    **dict.fromkeys(("question", "owner", "project", "runner"), TextField), "owner_id": UUIDField,
    **dict.fromkeys(("counted_since", "hit_at"), DateTimeField),
}  # fmt: skip
NOTE = "hit_at is empty if unknown; such rows come last. Nothing was changed."


def table_of(asked: Mapping[str, int], of_question: Callable[[List, str, int], List]) -> Table:
    """The answers to these questions one after another, each in the list's order."""

    def each(query: ListQuery) -> Iterator[tuple[str, QuerySet[Any]]]:
        for name, value in asked.items():
            yield name, replace(query, listing=of_question(query.listing, name, value)).rows()

    def rows(query: ListQuery) -> Iterator[Sequence[Any]]:
        for name, found in each(query):
            ordered = in_order(found, query.place.order).values_list(*COLUMNS.values())
            for piece in read_within(partial(streamed, ordered)):
                yield from (_row(name, values) for values in piece)

    def cells(shown: Sequence[Any], query: ListQuery) -> Iterator[Sequence[Any]]:
        """Of the first question, whose environments the list has."""
        name, found = next(each(query))
        values = found.order_by().filter(pk__in=[row.pk for row in shown]).values_list(*COLUMNS.values())
        by_pk = {row[0]: row for row in values}
        return (_row(name, by_pk[row.pk]) for row in shown if row.pk in by_pk)

    def about(query: ListQuery) -> Mapping[str, Any]:
        said = [f"{QUESTIONS[name].label}: {value} {QUESTIONS[name].unit_word}" for name, value in asked.items()]
        means = {name: QUESTIONS[name].means for name in asked}
        return {"note": NOTE, "filters": [*said, *map(str, query.chips())], "questions": means}

    return Table(
        name="what-if",
        title="Policy simulation",
        columns={name: name for name in ("question", *COLUMNS)},
        types=TYPES,
        rows=rows,
        cells=cells,
        count=lambda query: sum(found.order_by().count() for _, found in each(query)),
        about=about,
    )


def _row(question: str, values: Sequence[Any]) -> Sequence[Any]:
    pk, name, phase, *rest = values
    return [question, pk, name or None, word(phase), *without_blanks(rest)]
