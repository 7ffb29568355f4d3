"""Merge Ona's documents into the tables.

`observe` is the only entrance, whoever requested the documents. It accepts the same documents again, late, and in any
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DataError, connection, transaction

from environments.models import Field
from portal.ona.documents.environments import Observation

from .document_columns import ENVIRONMENTS, row
from .upsert import digest, lock_merging, merge_rows, without_repeats

log = structlog.get_logger()
TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)


def _text(side: str, field: Field) -> str:
    if field in TIMES:
        return f"""to_char({side}_{field.value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"{side}_{field.value}::text"


_returned = ", ".join(f"{side}.{field.value} AS {side}_{field.value}" for field in Field for side in ("old", "new"))
_fields = ", ".join(f"('{field.value}', {_text('old', field)}, {_text('new', field)})" for field in Field)
# the specification only if its version is new: it is by far the largest column
_specification = """
    new.spec_version AS spec_version, old.spec_version IS DISTINCT FROM new.spec_version AS is_new_spec,
    CASE WHEN old.spec_version IS DISTINCT FROM new.spec_version THEN new.spec END AS spec
"""
_merged = f"merge_action() AS action, i.id AS id, i.sent_at AS sent_at, {_specification}, {_returned}"
MERGE = f"""
    WITH merged AS ({ENVIRONMENTS.merge(_merged)}),
    versions AS (
        INSERT INTO environments_specificationversion (environment_id, spec_version, spec, old_seen_at, seen_at)
        SELECT merged.id, spec_version, spec,
               CASE WHEN merged.action = 'UPDATE' THEN least(sighting.seen_at, merged.sent_at) END, merged.sent_at
        FROM merged LEFT JOIN environments_sighting sighting ON sighting.environment_id = merged.id
        WHERE is_new_spec
        ON CONFLICT (environment_id, spec_version) DO NOTHING
    ),
    transitions_seen AS (
        INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
        SELECT merged.id, change.field, coalesce(change.old, ''), coalesce(change.new, ''),
               least(sighting.seen_at, merged.sent_at), merged.sent_at
        FROM merged
        JOIN environments_sighting sighting ON sighting.environment_id = merged.id
        CROSS JOIN LATERAL (VALUES {_fields}) AS change(field, old, new)
        WHERE merged.action = 'UPDATE' AND change.old IS DISTINCT FROM change.new
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM merged), (SELECT count(*) FROM transitions_seen)
"""  # noqa: S608 (column names from `Field`, values as parameters)
# The ids of those documents that may change a row, each with whether it was requested after the row was last seen. Of
# all others only the sighting is updated. Most of a full listing ends here, without reading rows or sending documents.
SELECT_NEWS = """
    WITH sifted AS (
        SELECT i.id, i.sent_at, e.id IS NULL OR i.sent_at > s.seen_at AS later, e.id IS NULL
            OR i.spec_version > e.spec_version OR i.status_version > e.status_version
            OR (i.sent_at > s.seen_at AND i.metadata_digest <> e.metadata_digest)
            OR coalesce(i.sent_at > e.gone_at, FALSE) AS is_news
        FROM unnest(%s::uuid[], %s::numeric[], %s::numeric[], %s::bigint[], %s::timestamptz[])
            AS i(id, spec_version, status_version, metadata_digest, sent_at)
        LEFT JOIN environments_environment e ON e.id = i.id
        LEFT JOIN environments_sighting s ON s.environment_id = i.id
    ),
    confirmed AS (
        UPDATE environments_sighting s SET seen_at = sifted.sent_at FROM sifted
        WHERE s.environment_id = sifted.id AND sifted.later AND NOT sifted.is_news
    )
    SELECT id, later FROM sifted WHERE is_news
"""
UPDATE_SIGHTINGS = """
    INSERT INTO environments_sighting AS s (environment_id, seen_at)
    SELECT * FROM unnest(%s::uuid[], %s::timestamptz[])
    ON CONFLICT (environment_id) DO UPDATE SET seen_at = excluded.seen_at WHERE s.seen_at < excluded.seen_at
"""
MARK_DELETED = """
    WITH gone AS (
        UPDATE environments_environment e SET gone_at = %(at)s, changed_at = clock_timestamp()
        FROM environments_sighting s
        WHERE e.id = ANY(%(ids)s) AND s.environment_id = e.id AND s.seen_at < %(at)s AND e.gone_at IS NULL
        RETURNING e.id, s.seen_at
    )
    INSERT INTO environments_transition (environment_id, field, old, new, old_seen_at, seen_at)
    SELECT id, 'gone_at', '',
           to_char(%(at)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), seen_at, %(at)s
    FROM gone
"""
UPDATE_NAMES = """
    UPDATE environments_environment e SET owner_name = i.owner_name, owner_email = i.owner_email,
        project_name = i.project_name, runner_name = i.runner_name, class_name = i.class_name,
        changed_at = clock_timestamp()
    FROM (
        SELECT r.id, {names} FROM environments_environment r {joins}
    ) i
    WHERE i.id = e.id AND (i.owner_name, i.owner_email, i.project_name, i.runner_name, i.class_name)
        IS DISTINCT FROM (e.owner_name, e.owner_email, e.project_name, e.runner_name, e.class_name)
""".format(  # noqa: S608 (constants of `columns`)
    names=", ".join(f"{expression} AS {column}" for column, (_, expression) in ENVIRONMENTS.names.items()),
    joins=ENVIRONMENTS.joins,
)


@dataclass
class MergeResult:
    """Counts of a merge: rows changed, transitions recorded, documents refused."""

    changed: int = 0
    transitions: int = 0
    refused: int = 0

    def add(self, other: MergeResult) -> None:
        self.changed += other.changed
        self.transitions += other.transitions
        self.refused += other.refused


def observe(observations: Iterable[Observation]) -> MergeResult:
    """Merge documents into the tables and record transitions; replays and late answers change nothing.

    A document that Postgres cannot store is refused and counted; the others are merged.
    """
    outcome = MergeResult()
    for batch in without_repeats(observations, key=lambda observation: observation.document.id):
        try:
            outcome.add(_merge(batch))
        except DataError as error:
            outcome.add(_merge_one_by_one(batch) if len(batch) > 1 else _refuse(batch[0], error))
    return outcome


def _merge_one_by_one(batch: Sequence[Observation]) -> MergeResult:
    outcome = MergeResult()
    for observation in batch:
        outcome.add(observe([observation]))
    return outcome


def _refuse(observation: Observation, error: DataError) -> MergeResult:
    log.warning("document refused", environment_id=str(observation.document.id), error=str(error).split("\n")[0])
    return MergeResult(refused=1)


def _merge(batch: Sequence[Observation]) -> MergeResult:
    """Merge in one transaction; no environment may occur twice in `batch`."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(SELECT_NEWS, _news_parameters(batch))
        later = dict(cursor.fetchall())
        news = [observation for observation in batch if observation.document.id in later]
        if not news:
            return MergeResult()
        rows = [row(o.document) | {"sent_at": o.sent_at, "later": later[o.document.id]} for o in news]
        ((changed, transitions),) = merge_rows(ENVIRONMENTS, MERGE, rows)
        cursor.execute(
            UPDATE_SIGHTINGS, [_array(str(o.document.id) for o in news), _array(o.sent_at.isoformat() for o in news)]
        )
    return MergeResult(changed, transitions)


def _news_parameters(batch: Sequence[Observation]) -> tuple[str, ...]:
    documents = [observation.document for observation in batch]
    return (
        _array(str(document.id) for document in documents),
        _array(str(document.spec.head.spec_version) for document in documents),
        _array(str(document.status.head.status_version) for document in documents),
        _array(str(digest(document.metadata.raw)) for document in documents),
        _array(observation.sent_at.isoformat() for observation in batch),
    )


def _array(values: Iterable[str]) -> str:
    """A Postgres array literal: quicker to send than thousands of Python objects."""
    return f"{{{','.join(values)}}}"


def mark_deleted(ids: Sequence[UUID], at: datetime) -> int:
    """Mark environments as deleted that Ona did not find at `at`, unless seen later; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(MARK_DELETED, {"ids": list(ids), "at": at})
        return int(cursor.rowcount)


def copy_names() -> None:
    """Copy the directory's names to environments that have others."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_merging()
        cursor.execute(UPDATE_NAMES)
