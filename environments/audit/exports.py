"""The audits of lockdown and archive as tables: every environment's status, and what it was derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import DateTimeField, TextField, UUIDField

from environments.audit import rows as lines
from environments.audit.lockdown_history import describe
from environments.audit.query import Audit, AuditState
from environments.export_head import AS_THEN
from environments.list.exports import word
from environments.models import Environment, Transition
from environments.policies.unpushed_work import work_words
from environments.policies.verdict import Changed, Facts
from portal.exports.snapshot import read_within, streamed
from portal.lists.declaration import ListQuery, Table
from portal.lists.keyset import in_order

COLUMNS = (
    "id", "name", "status", "status_words", "status_at", "derived_from", "phase", "owner_id", "owner", "project_id",
    "project", "runner_id", "runner", "created_at", "first_seen_at", "lockdown_at", "archived_at", "gone_at",
    "last_used_at", "stop_after", "stop_by", "unpushed_work", "unpushed_commits", "changed_files",
    "time_left_for_unpushed_work",
)  # fmt: skip
TYPES = {
    **dict.fromkeys(("status_at", "stop_after", "stop_by"), DateTimeField),
    **dict.fromkeys(("status", "status_words", "derived_from", "owner", "project", "runner"), TextField),
    "owner_id": UUIDField, "time_left_for_unpushed_work": TextField,
}  # fmt: skip
CHANGES = (
    "seen_by", "not_yet_at", "environment_id", "environment", "change", "lockdown_before", "lockdown_after", "who",
    "reason", "operation_id",
)  # fmt: skip
TYPES_OF_CHANGES = {
    **dict.fromkeys(("seen_by", "not_yet_at", "lockdown_before", "lockdown_after"), DateTimeField),
    **dict.fromkeys(("environment", "change", "who", "reason"), TextField), "operation_id": UUIDField,
}  # fmt: skip
WORK_AS_NOW = "time_left_for_unpushed_work is the time that the work recorded now would have had left at that time."


def bare_table(audit: Audit) -> Table:
    """What the table of an audit has, whatever the policy."""
    columns = {name: name for name in COLUMNS}
    return Table(name=f"audit-{audit.slug}", title=f"Audit: {audit.title}", columns=columns, types=TYPES)


def table_of(audit: Audit, state: Callable[[ListQuery], AuditState]) -> Table:
    """The lines of an audit, which `state` makes of its query."""
    statuses = {name: f"{status.label}: {status.means}" for name, status in audit.statuses.items()}
    return replace(
        bare_table(audit),
        rows=lambda query: _rows(state(query)),
        cells=lambda rows, query: _cells(rows, state(query)),
        about=lambda query: {"statuses": statuses, **query.as_of.note(AS_THEN, WORK_AS_NOW)},
    )


def _rows(asked: AuditState) -> Iterator[Sequence[Any]]:
    """In a transaction only. Two queries more for each piece of them."""
    rows = in_order(lines.read_lines(asked.query.rows()), asked.query.place.order)
    for piece in read_within(lambda: streamed(rows), asked.as_of.reading):
        yield from _cells(piece, asked)


def _cells(environments: Sequence[Environment], asked: AuditState) -> Iterator[Sequence[Any]]:
    by_id = lines.changed_of(list(environments), asked)
    for environment in environments:
        yield _row(environment, by_id.get(environment.pk), asked)


def _row(environment: Environment, changed: Changed | None, asked: AuditState) -> Sequence[Any]:
    facts = Facts.of(environment, changed)
    verdict = asked.audit.judge(facts, asked.policy, asked.now)
    return (
        environment.pk, environment.name or None, verdict.status, asked.audit.statuses[verdict.status].label,
        verdict.at, " ".join(verdict.because) or None, word(environment.phase),
        environment.creator_id, environment.owner_name or None, environment.project_id,
        environment.project_name or None, environment.runner_id, environment.runner_name or None,
        environment.created_at, environment.first_seen_at, environment.lockdown_at, environment.archived_at,
        environment.gone_at, environment.last_used_at, *(facts.stop or (None, None)),
        environment.unpushed_work, environment.unpushed_commits, environment.changed_files,
        work_words(environment, facts, asked.policy, asked.now) or None,
    )  # fmt: skip


def _changes(query: ListQuery) -> Iterator[Sequence[Any]]:
    rows = in_order(query.listing.read(query.rows()), query.place.order)
    for piece in read_within(lambda: streamed(rows), query.as_of.reading):
        yield from _changes_in(piece)


def _changes_in(rows: Sequence[Transition]) -> Iterator[Sequence[Any]]:
    for change in describe(list(rows)):
        yield (
            change.by, change.after, change.environment_id, change.name, change.what, change.old, change.new,
            change.who, change.reason or None, change.operation_id,
        )  # fmt: skip


CHANGES_TABLE = Table(
    name="lockdown-changes",
    title="Lockdowns set, moved and cleared",
    columns={name: name for name in CHANGES},
    types=TYPES_OF_CHANGES,
    rows=_changes,
    cells=lambda rows, query: _changes_in(rows),
)
