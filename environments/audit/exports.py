"""The audits of lockdown and archive as tables: every environment's status, and what it was derived from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from environments.audit import lockdown_history
from environments.audit import rows as lines
from environments.audit.query import AuditState, chips
from environments.export_head import AS_THEN
from environments.list.exports import word
from environments.models import Environment
from environments.policies.unpushed_work import work_words
from environments.policies.verdict import Changed, Facts
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.keyset import in_order

COLUMNS = (
    "id", "name", "status", "status_words", "status_at", "derived_from", "phase", "owner_id", "owner", "project_id",
    "project", "runner_id", "runner", "created_at", "first_seen_at", "lockdown_at", "archived_at", "gone_at",
    "last_used_at", "stop_after", "stop_by", "unpushed_work", "unpushed_commits", "changed_files",
    "time_left_for_unpushed_work",
)  # fmt: skip
CHANGES = (
    "seen_by", "not_yet_at", "environment_id", "environment", "change", "lockdown_before", "lockdown_after", "who",
    "reason", "operation_id",
)  # fmt: skip
WORK_AS_NOW = "time_left_for_unpushed_work is the time that the work known now would have had left at that moment."


def audit(asking: Asking, asked: AuditState) -> Export:
    """The lines of an audit, all in its order; to be made within `reading()`, and read in a snapshot."""
    order, count = asked.listed.place.order, asked.rows.order_by().count()
    said = head(asking, filters=chips(asked), order=order, count=count, moment=asked.as_of.at)
    said["statuses"] = {name: f"{status.label}: {status.means}" for name, status in asked.audit.statuses.items()}
    said |= asked.as_of.note(AS_THEN, WORK_AS_NOW)
    return Export(f"audit-{asked.audit.slug}", f"Audit: {asked.audit.title}", said, COLUMNS, audit_rows(asked))


def audit_rows(asked: AuditState) -> Iterator[Sequence[Any]]:
    """The rows of an audit; in a transaction only. Two queries more for each piece of them."""
    rows = in_order(lines.read_lines(asked.rows), asked.listed.place.order)
    for piece in read_within(lambda: streamed(rows), asked.as_of.reading):
        by_id = lines.changed_of(piece, asked)
        for environment in piece:
            yield _row(environment, by_id.get(environment.pk), asked)


def lockdown_changes(asking: Asking, asked: AuditState) -> Export:
    """Who set, moved or cleared lockdowns, newest first; made within `reading()` and read in a snapshot."""
    found = lockdown_history.transitions(asked.environments, asked.now)
    said = head(asking, filters=chips(asked), order="-seen", count=found.order_by().count(), moment=asked.as_of.at)
    return Export("lockdown-changes", "Lockdowns set, moved and cleared", said, CHANGES, _changes(asked))


def _changes(asked: AuditState) -> Iterator[Sequence[Any]]:
    rows = lockdown_history.transitions(asked.environments, asked.now)
    for piece in read_within(lambda: streamed(rows), asked.as_of.reading):
        for change in lockdown_history.told(piece):
            yield (
                change.by, change.after, change.environment_id, change.name, change.what, change.old, change.new,
                change.who, change.reason or None, change.operation_id,
            )  # fmt: skip


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
