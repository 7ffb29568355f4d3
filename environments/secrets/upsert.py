"""Write listings of secrets into the table, and count which environments they reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, connection, transaction
from django.db.models.functions import Now

from environments.models import Secret
from environments.models.secret_scope import Scope
from portal.ona.documents.secrets import SecretDocument

log = structlog.get_logger()
_COLUMNS = (
    "name", "scope_kind", "scope_id", "mount_kind", "mount_target", "proxy_hosts", "proxy_header", "creator_id",
    "created_at", "updated_at", "document",
)  # fmt: skip
# The later observation wins; one requested before the secret was found deleted does not restore it.
MERGE = f"""
    INSERT INTO environments_secret AS s
        (id, {", ".join(_COLUMNS)}, scope_name, creator_name, first_seen_at, seen_at, changed_at)
    VALUES (%s, {", ".join(["%s"] * (len(_COLUMNS) - 1))}, %s::jsonb, '', '', %s, %s, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET
        {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)},
        seen_at = excluded.seen_at,
        gone_at = NULL,
        changed_at = CASE WHEN s.gone_at IS NULL AND s.document = excluded.document
                          THEN s.changed_at ELSE excluded.changed_at END
    WHERE s.seen_at <= excluded.seen_at AND (s.gone_at IS NULL OR s.gone_at < excluded.seen_at)
"""  # noqa: S608 (names of columns)
MARK_UNLISTED_AS_DELETED = """
    UPDATE environments_secret SET gone_at = %(at)s, changed_at = clock_timestamp()
    WHERE scope_kind = %(kind)s AND scope_id = %(id)s AND seen_at < %(at)s AND gone_at IS NULL
"""
# Counts the environments that use each secret: reads all specifications, seconds for 100,000.
USES = """
    WITH used AS (
        SELECT named.secret_id, count(*) AS environments
        FROM environments_environment e
        CROSS JOIN LATERAL (
            SELECT DISTINCT lower(entry ->> 'id') AS secret_id
            FROM jsonb_array_elements(
                CASE jsonb_typeof(e.spec -> 'secrets') WHEN 'array' THEN e.spec -> 'secrets' ELSE '[]' END
            ) AS entry
            WHERE jsonb_typeof(entry) = 'object'
        ) AS named
        WHERE e.gone_at IS NULL AND jsonb_exists(e.spec, 'secrets')
        GROUP BY 1
    ),
    counted AS (
        SELECT s.id, coalesce(used.environments, 0) AS uses
        FROM environments_secret s LEFT JOIN used ON used.secret_id = s.id::text
    )
    UPDATE environments_secret s SET uses = counted.uses, changed_at = clock_timestamp()
    FROM counted WHERE counted.id = s.id AND s.uses IS DISTINCT FROM counted.uses
"""
# Names of ids, and counts of environments per scope, from indexes alone.
REACH = """
    WITH reached AS (
        SELECT 'organization' AS kind, o.id, (
            SELECT count(*) FROM environments_environment WHERE gone_at IS NULL
        ) AS environments FROM directory_organization o
        UNION ALL
        SELECT 'project', project_id, count(*) FROM environments_environment
        WHERE gone_at IS NULL AND project_id IS NOT NULL GROUP BY project_id
        UNION ALL
        SELECT kind, creator_id, environments FROM (
            SELECT creator_id, count(*) AS environments FROM environments_environment
            WHERE gone_at IS NULL AND creator_id IS NOT NULL GROUP BY creator_id
        ) made CROSS JOIN (VALUES ('user'), ('service_account')) AS kinds(kind)
    ),
    now AS (
        SELECT s.id, coalesce(reached.environments, 0) AS reach,
               coalesce(organization.name, project.name, nullif(person.name, ''), person.email, '') AS scope_name,
               coalesce(nullif(creator.name, ''), creator.email, '') AS creator_name
        FROM environments_secret s
        LEFT JOIN reached ON reached.kind = s.scope_kind AND reached.id = s.scope_id
        LEFT JOIN directory_organization organization ON organization.id = s.scope_id AND s.scope_kind = 'organization'
        LEFT JOIN directory_project project ON project.id = s.scope_id AND s.scope_kind = 'project'
        LEFT JOIN directory_member person ON person.id = s.scope_id
            AND s.scope_kind IN ('user', 'service_account')
        LEFT JOIN directory_member creator ON creator.id = s.creator_id
    )
    UPDATE environments_secret s
    SET reach = now.reach, scope_name = now.scope_name, creator_name = now.creator_name, changed_at = clock_timestamp()
    FROM now
    WHERE now.id = s.id AND (s.reach, s.scope_name, s.creator_name)
        IS DISTINCT FROM (now.reach, now.scope_name, now.creator_name)
"""


def merge_documents(documents: Sequence[SecretDocument], seen_at: datetime, scope: Scope | None = None) -> int:
    """Merge documents requested at `seen_at`; those without a scope belong to `scope`.

    Returns how many were refused: Postgres rejects some valid JSON, such as unpaired surrogates.
    """
    rows = [_row(document, scope, seen_at) for document in documents]
    try:
        _write(rows)
    except DataError as error:
        if len(rows) > 1:
            return sum(merge_documents([document], seen_at, scope) for document in documents)
        log.warning("document refused", secret_id=str(rows[0][0]), error=str(error).split("\n")[0])
        return 1
    return 0


def _write(rows: Sequence[tuple[Any, ...]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if rows:
            cursor.executemany(MERGE, rows)


def mark_unlisted_as_deleted(scope: Scope, at: datetime) -> int:
    """Mark the secrets of `scope` as deleted that were not seen since `at`, the start of a clean listing."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_UNLISTED_AS_DELETED, {"kind": scope.kind.value, "id": scope.id, "at": at})
        return int(cursor.rowcount)


def mark_deleted(secret_id: UUID, at: datetime) -> None:
    """Mark a secret as deleted that Ona reported deleted at `at`."""
    rows = Secret.objects.filter(pk=secret_id, gone_at=None)
    rows.update(gone_at=at, changed_at=Now())


def count_environments() -> None:
    """Update names and counts of all secrets from the cache."""
    refresh_names()
    with connection.cursor() as cursor:
        cursor.execute(USES)


def refresh_names() -> None:
    """Update names, and how many environments each scope includes: the quick part."""
    with connection.cursor() as cursor:
        cursor.execute(REACH)


def _row(document: SecretDocument, scope: Scope | None, seen_at: datetime) -> tuple[Any, ...]:
    proxy = document.credential_proxy
    return (
        document.id,
        _storable(document.name),
        document.scope_kind or (scope.kind.value if scope else ""),
        document.scope_id or (scope.id if scope else None),
        document.mount_kind,
        _storable(document.mount_target),
        [_storable(host) for host in proxy.target_hosts] if proxy else [],
        _storable(proxy.header) if proxy else "",
        document.creator.id,
        document.created_at,
        document.updated_at,
        document.storable.decode(),
        seen_at,
        seen_at,
    )


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")
